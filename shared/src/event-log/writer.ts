import type { Redis } from 'ioredis';
import type { LogRecord, TerminalRecord } from '../contracts/events.ts';
import { appendRecords } from './append.ts';
import type { LogAddress } from './append.ts';

/** Least time between two flushes of one stream: 100 a second is smoother than any eye, and bounds the writes. */
const FLUSH_GAP_MS = 10;

/** Text waiting for Redis beyond which `ready()` holds the producer back. */
const HIGH_WATER_CHARS = 64 * 1024;

/**
 * Writes one attempt's records to a job's log. `append` never waits: what one turn of the event loop brings leaves in
 * one flush, deltas joined, one flush under way at a time.
 */
export class LogWriter {
  readonly #redis: Redis;
  readonly #log: LogAddress;
  readonly #attempt: number;
  readonly #refused = new AbortController();
  #pending: LogRecord[] = [];
  #pendingChars = 0;
  #seq = 1;
  #flushing = false;
  #scheduled = false;
  #lastFlush = -FLUSH_GAP_MS;
  #waiters: PromiseWithResolvers<void>[] = [];

  constructor(options: { redis: Redis; log: LogAddress; attempt: number }) {
    this.#redis = options.redis;
    this.#log = options.log;
    this.#attempt = options.attempt;
  }

  /** Aborted with a `LogRefusedError` at the first refusal: this attempt has lost the job. */
  get signal(): AbortSignal {
    return this.#refused.signal;
  }

  /** Takes a record; after a refusal it is dropped. */
  append(record: LogRecord): void {
    if (this.signal.aborted) return;
    const last = this.#pending.at(-1);
    if (isText(record)) this.#pendingChars += record.content.length;
    if (last !== undefined && isText(last) && isText(record)) last.content += record.content;
    else this.#pending.push({ ...record });
    this.#schedule();
  }

  /**
   * Resolves when there is room for more.
   *
   * @throws {LogRefusedError}
   */
  async ready(): Promise<void> {
    while (this.#pendingChars > HIGH_WATER_CHARS) await this.#nextFlush();
    this.signal.throwIfAborted();
  }

  /**
   * Resolves when everything so far is in the log.
   *
   * @throws {LogRefusedError}
   */
  async flushed(): Promise<void> {
    while (this.#pending.length > 0 || this.#flushing) await this.#nextFlush();
    this.signal.throwIfAborted();
  }

  /**
   * Ends the log and resolves when its end is written.
   *
   * @throws {LogRefusedError}
   */
  async close(end: TerminalRecord): Promise<void> {
    this.append(end);
    await this.flushed();
  }

  #nextFlush(): Promise<void> {
    this.signal.throwIfAborted();
    const waiter = Promise.withResolvers<void>();
    this.#waiters.push(waiter);
    return waiter.promise;
  }

  #schedule(): void {
    if (this.#scheduled || this.#flushing) return;
    this.#scheduled = true;
    const wait = this.#lastFlush + FLUSH_GAP_MS - performance.now();
    if (wait > 0) setTimeout(() => void this.#flush(), wait);
    else setImmediate(() => void this.#flush());
  }

  async #flush(): Promise<void> {
    this.#scheduled = false;
    this.#flushing = true;
    this.#lastFlush = performance.now();
    const records = this.#pending;
    this.#pending = [];
    this.#pendingChars = 0;
    try {
      await appendRecords(this.#redis, this.#log, this.#attempt, this.#seq, records);
      this.#seq += records.length;
    } catch (error) {
      this.#pending = [];
      this.#pendingChars = 0;
      this.#refused.abort(error);
    }
    this.#flushing = false;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.resolve();
    if (this.#pending.length > 0) this.#schedule();
  }
}

function isText(record: LogRecord): record is { type: 'delta'; content: string } {
  return (
    record.type === 'delta' &&
    record.content !== undefined &&
    record.reasoning === undefined &&
    record.tool_calls === undefined
  );
}
