import { setTimeout as delay } from 'node:timers/promises';
import { RequestError } from '../errors.ts';
import { isTerminal } from '../contracts/events.ts';
import { gapFills } from '../metrics/event-log.ts';
import type { RedisClient } from '../redis/connection.ts';
import { bellChannel, logKey } from '../redis/keys.ts';
import type { LogAddress } from './append.ts';
import type { BellListener, Doorbell } from './doorbell.ts';
import { compareLogIds, decodeEntry, decodeRing, LOG_START } from './entry.ts';
import type { LogEntry, Ring } from './entry.ts';
import { readLastEntry } from './log.ts';

/** Text of one read, about: a reader that is not taken from holds all of it. */
const PAGE_CHARS = 32 * 1024;
/** Entries of one read: of the first, when their length is not known yet, and at most. */
const FIRST_PAGE = 10;
const MAX_PAGE = 500;

/** Text heard but not taken beyond which it is forgotten and read again from the log: bounds a slow reader's memory. */
const MAX_HEARD_CHARS = 16 * 1024;

/** A log that rings no bell for this long is read anyway: it may have expired, or a message was lost unseen. */
const IDLE_READ_MS = 15_000;

/**
 * A master that is replaced takes with it what it had not replicated. Its writer puts that back with its next append;
 * for so long a reader that has delivered it waits, looking again and again.
 */
const RESTORE_WAIT_MS = 30_000;
const RESTORE_POLL_MS = 250;

/** How a log is followed. */
export interface FollowOptions {
  /** Id of the last entry that is known already; from the beginning without it. */
  after?: string;
  signal?: AbortSignal;
  /** Called after each 15 s in which nothing came. What wakes the reader for nothing begins them anew. */
  onSilence?: ((silentMs: number) => Promise<void>) | undefined;
}

/** The log is not there: it expired, or never was. */
export function logNotFound(jobId: string): RequestError {
  return new RequestError(404, 'not_found', `Nothing is known under the id ${jobId}; it may have expired.`);
}

/** The log has not come as far as a client's cursor, which must be of another log, or of one that was lost. */
export function unknownCursor(jobId: string, cursor: string): RequestError {
  return new RequestError(
    410,
    'unknown_cursor',
    `The position ${cursor} does not exist in ${jobId}; start again without one.`,
  );
}

/** What a reader needs: a connection for reads, and the process's doorbell. */
export interface LogReaderDeps {
  redis: RedisClient;
  doorbell: Doorbell;
}

/**
 * Follows a log from after `after` to its end: subscribes, waits for the acknowledgement, replays, then follows the
 * doorbell. A message is taken only if it follows the last entry delivered; anything else is filled from the log. So
 * the batches together are exactly the log, in order, each entry once.
 *
 * Returning early (`break`) or `signal` ends the subscription.
 *
 * @returns batches, never empty: what is at hand at each turn; the last one ends with the terminal record
 * @throws {RequestError} 404 when there is no such log, 410 when `after` is not in it, or what was delivered no longer is
 */
export async function* followLog(
  deps: LogReaderDeps,
  log: LogAddress,
  options: FollowOptions = {},
): AsyncGenerator<LogEntry[], void, void> {
  const { after = LOG_START, signal } = options;
  const listener = new GapDetector(log.tenant, after);
  const stopListening = await deps.doorbell.listen(bellChannel(log.tenant, log.jobId), listener);
  let isAborted = signal?.aborted ?? false;
  const onAbort = () => {
    isAborted = true;
    listener.wake();
  };
  signal?.addEventListener('abort', onAbort);
  let lostSince: number | undefined;
  let page = FIRST_PAGE;
  let silentSince = performance.now();
  let wasIdle = false;
  try {
    while (!isAborted) {
      let batch = listener.take();
      if (batch === 'gap') {
        const from = listener.beginRead();
        const read = await readFrom(deps.redis, log, from, page);
        listener.endRead(read.entries, read.entries.length === page);
        page = nextPage(read);
        if (read.at === 'end') return;
        if (read.at === 'lost') {
          lostSince ??= performance.now();
          if (from === after || performance.now() - lostSince > RESTORE_WAIT_MS)
            throw unknownCursor(log.jobId, from);
          listener.readAgain();
          await delay(RESTORE_POLL_MS, undefined, { ...(signal && { signal }) }).catch(() => {});
          continue;
        }
        lostSince = undefined;
        batch = read.entries;
      }
      const last = batch.at(-1);
      if (last === undefined) {
        if (wasIdle) await options.onSilence?.(performance.now() - silentSince);
        wasIdle = await listener.nextRing(IDLE_READ_MS);
        continue;
      }
      yield batch;
      silentSince = performance.now();
      if (isTerminal(last.record)) return;
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    stopListening();
  }
}

/** What a read after a position brought. */
interface ReadResult {
  entries: LogEntry[];
  /** Their length. */
  chars: number;
  /** The position is within the log, is its end for good, or is beyond what the log has now. */
  at: 'inside' | 'end' | 'lost';
}

/**
 * Reads after `after`, with the entry there: one that is missing, or another attempt's in its place, is a log that has
 * lost what was delivered, and whatever follows does not continue it.
 */
async function readFrom(
  redis: RedisClient,
  log: LogAddress,
  after: string,
  page: number,
): Promise<ReadResult> {
  const key = logKey(log.tenant, log.jobId);
  const raw = await redis.xrange(key, after, '+', 'COUNT', page + 1);
  const entries = raw.map((entry) => decodeEntry(log.tenant, entry));
  const chars = raw.reduce((sum, [, fields]) => sum + fields.join('').length, 0);
  if (after !== LOG_START) {
    const [position] = entries;
    if (position?.id === after) {
      const isEnd = entries.length === 1 && isTerminal(position.record);
      return { entries: entries.slice(1), chars, at: isEnd ? 'end' : 'inside' };
    }
  } else if (entries.length > 0) return { entries: entries.slice(0, page), chars, at: 'inside' };
  const last = await readLastEntry(redis, log);
  if (last === undefined) throw logNotFound(log.jobId);
  const isPassed = compareLogIds(after, last.id) < 0;
  // It may have been put back between the two reads.
  if (isPassed && (await redis.xrange(key, after, after)).length === 0) throw unknownCursor(log.jobId, after);
  return { entries: [], chars, at: 'lost' };
}

/** As many entries as the last ones let expect to be a page's text. */
function nextPage({ entries, chars }: ReadResult): number {
  if (entries.length === 0) return FIRST_PAGE;
  return Math.min(MAX_PAGE, Math.max(1, Math.floor((PAGE_CHARS * entries.length) / chars)));
}

/** Decides for each doorbell message whether it continues what was delivered, and keeps the continuation. */
class GapDetector implements BellListener {
  readonly #tenant: string;
  /** Last entry delivered. */
  #delivered: string;
  /** Messages that follow one another; unless a read is under way, the first follows `#delivered`. */
  #heard: Ring[] = [];
  #heardChars = 0;
  /** Whether the log must be read before a message can be taken. */
  #gap = true;
  #reading = false;
  #wakeUp: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(tenant: string, after: string) {
    this.#tenant = tenant;
    this.#delivered = after;
  }

  ring(message: string): void {
    const ring = this.#gap ? undefined : this.#decode(message);
    if (ring) this.#hear(ring, message.length);
    this.wake();
  }

  /** What cannot be decoded fails at the reader, which gets it from the log: thrown here, it would end the process. */
  #decode(message: string): Ring | undefined {
    try {
      return decodeRing(this.#tenant, message);
    } catch {
      this.missed();
      return undefined;
    }
  }

  #hear(ring: Ring, chars: number): void {
    const tail = this.#heard.at(-1)?.entry.id ?? this.#delivered;
    if (compareLogIds(ring.entry.id, tail) <= 0) return;
    const follows = ring.prev === tail || (this.#reading && this.#heard.length === 0);
    if (!follows) return this.missed();
    if (this.#heardChars > MAX_HEARD_CHARS) return this.readAgain();
    this.#heard.push(ring);
    this.#heardChars += chars;
  }

  /** Messages were missed, or may have been. */
  missed(): void {
    if (!this.#gap) gapFills.inc();
    this.readAgain();
  }

  /** Forgets what was heard but not delivered; the log has it. */
  readAgain(): void {
    this.#gap = true;
    this.#forgetHeard();
    this.wake();
  }

  /** What has been heard since the last call, or that the log must be read. */
  take(): LogEntry[] | 'gap' {
    if (this.#gap) return 'gap';
    const batch = this.#heard.map((ring) => ring.entry);
    this.#forgetHeard();
    this.#delivered = batch.at(-1)?.id ?? this.#delivered;
    return batch;
  }

  /** Begins a read of the log after the id returned. */
  beginRead(): string {
    this.#gap = false;
    this.#reading = true;
    return this.#delivered;
  }

  /** Takes what the read brought, and keeps of what was heard meanwhile what continues it. */
  endRead(batch: readonly LogEntry[], isFull: boolean): void {
    this.#reading = false;
    const last = batch.at(-1)?.id ?? this.#delivered;
    this.#delivered = last;
    this.#heard = this.#heard.filter((ring) => compareLogIds(ring.entry.id, last) > 0);
    const next = this.#heard[0];
    if (isFull) this.readAgain();
    else if (next !== undefined && next.prev !== last) this.missed();
  }

  wake(): void {
    this.#wakeUp.resolve();
  }

  /** Resolves at the next message; true when none came for `idleMs`, which counts as a gap. */
  async nextRing(idleMs: number): Promise<boolean> {
    let isIdle = false;
    const timer = setTimeout(() => {
      isIdle = true;
      this.readAgain();
    }, idleMs);
    await this.#wakeUp.promise;
    clearTimeout(timer);
    this.#wakeUp = Promise.withResolvers();
    return isIdle;
  }

  #forgetHeard(): void {
    this.#heard = [];
    this.#heardChars = 0;
  }
}
