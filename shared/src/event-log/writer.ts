import type { LogRecord, TerminalRecord } from '../contracts/events.ts';
import { logRefusals } from '../metrics/event-log.ts';
import type { RedisClient } from '../redis/connection.ts';
import { appendRecords, LogRefusedError } from './append.ts';
import type { LogAddress } from './append.ts';
import { closeLog } from './log.ts';
import { charsOf, SentRecords } from './sent-records.ts';

/**
 * Least time between two flushes of text of one stream: 100 a second is smoother than any eye, and bounds the writes.
 * The first text does not wait for it: that cost 7 ms of the time to the first token.
 */
const FLUSH_GAP_MS = 10;

/** Text waiting for Redis beyond which `ready()` holds the producer back. */
const HIGH_WATER_CHARS = 64 * 1024;

/**
 * Writes one attempt's records to a job's log. `append` never waits: what one turn of the event loop brings leaves in
 * one flush, deltas joined, one flush under way at a time.
 */
export class LogWriter {
  readonly #redis: RedisClient;
  readonly #log: LogAddress;
  readonly #attempt: number;
  readonly #refused = new AbortController();
  readonly #sent: SentRecords;
  #pending: LogRecord[] = [];
  #pendingChars = 0;
  #flushing = false;
  #scheduled = false;
  #lastFlush = -FLUSH_GAP_MS;
  #unheardSince: number | undefined;
  #waiters: PromiseWithResolvers<void>[] = [];

  constructor(options: { redis: RedisClient; log: LogAddress; attempt: number }) {
    this.#redis = options.redis;
    this.#log = options.log;
    this.#attempt = options.attempt;
    this.#sent = new SentRecords(options.attempt);
  }

  /** Aborted with a `LogRefusedError` at the first refusal: this attempt has lost the job. */
  get signal(): AbortSignal {
    return this.#refused.signal;
  }

  /** The last entry before this attempt's first, once that is written: from then on no earlier attempt can add any. */
  get follows(): string | undefined {
    return this.#sent.base;
  }

  /** Milliseconds since the first append that nobody heard, after the last that somebody did. */
  get unheardMs(): number {
    return this.#unheardSince === undefined ? 0 : performance.now() - this.#unheardSince;
  }

  /** Takes a record; after a refusal it is dropped. */
  append(record: LogRecord): void {
    if (this.signal.aborted) return;
    const last = this.#pending.at(-1);
    this.#pendingChars += charsOf(record);
    if (!last || !join(last, record)) this.#pending.push({ ...record });
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

  /** Appends, and puts back first what the log had acknowledged and has lost: see `SentRecords`. */
  async #send(seq: number, records: LogRecord[]): Promise<void> {
    try {
      const { before, listeners } = await appendRecords(this.#redis, this.#log, this.#attempt, seq, records);
      if (seq === 1) this.#sent.beginsAfter(before);
      if (listeners > 0) this.#unheardSince = undefined;
      if (listeners === 0) this.#unheardSince ??= performance.now();
    } catch (error) {
      if (!(error instanceof LogRefusedError && error.refusal === 'GAP')) throw error;
      const lost = this.#sent.after(error.lastId);
      if (lost) return this.#send(lost.seq, [...lost.records, ...records]);
      await closeLog(this.#redis, this.#log, {
        type: 'failed',
        code: 'log_lost',
        error: 'Part of the answer was lost when a server failed. Try again.',
      });
      throw error;
    }
  }

  async #flush(): Promise<void> {
    this.#scheduled = false;
    this.#flushing = true;
    const records = this.#pending;
    if (records.some((record) => record.type === 'delta')) this.#lastFlush = performance.now();
    this.#pending = [];
    this.#pendingChars = 0;
    try {
      await this.#send(this.#sent.nextSeq, records);
      this.#sent.add(records);
    } catch (error) {
      this.#pending = [];
      this.#pendingChars = 0;
      if (error instanceof LogRefusedError) logRefusals.inc({ reason: error.refusal.toLowerCase() });
      this.#refused.abort(error);
    }
    this.#flushing = false;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.resolve();
    if (this.#pending.length > 0) this.#schedule();
  }
}

/** Adds a delta to the one before it, where both are content or both are reasoning. */
function join(last: LogRecord, record: LogRecord): boolean {
  if (isContent(last) && isContent(record)) last.content += record.content;
  else if (isReasoning(last) && isReasoning(record)) last.reasoning += record.reasoning;
  else return false;
  return true;
}

function isContent(record: LogRecord): record is { type: 'delta'; content: string } {
  return record.type === 'delta' && record.content !== undefined && !record.reasoning && !record.tool_calls;
}

function isReasoning(record: LogRecord): record is { type: 'delta'; reasoning: string } {
  return record.type === 'delta' && record.reasoning !== undefined && !record.content && !record.tool_calls;
}
