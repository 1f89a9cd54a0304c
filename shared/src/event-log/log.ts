import { isTerminal } from '../contracts/events.ts';
import type { LogRecord, TerminalRecord } from '../contracts/events.ts';
import type { RedisClient } from '../redis/connection.ts';
import { logKey } from '../redis/keys.ts';
import { currentTraceparent } from '../tracing/spans.ts';
import { LogRefusedError, OPEN_RETENTION_MS, runAppend } from './append.ts';
import type { LogAddress } from './append.ts';
import { decodeEntry, encodeRecord, LOG_START, nextLogId } from './entry.ts';
import type { LogEntry } from './entry.ts';

const PAGE = 1_000;

/**
 * KEYS log; ARGV type, tenant, data, time to live in ms, retention in ms, `traceparent` or ''. Not a MULTI: ioredis copies
 * each script of a connection onto each of its transactions, which left 14 KB of garbage behind every new stream.
 */
const CREATE_LUA = `
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('XADD', KEYS[1], '0-1', 'type', ARGV[1], 'tenant', ARGV[2], 'data', ARGV[3], 'retention', ARGV[5],
    'trace', ARGV[6])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end`;

interface CreateCommand {
  sluiceCreateLog(
    key: string,
    type: string,
    tenant: string,
    data: string,
    openRetentionMs: number,
    retentionMs: number,
    traceparent: string,
  ): Promise<null>;
}

function withCreate(redis: RedisClient): RedisClient & CreateCommand {
  if (!('sluiceCreateLog' in redis))
    redis.defineCommand('sluiceCreateLog', { numberOfKeys: 1, lua: CREATE_LUA });
  return redis as RedisClient & CreateCommand;
}

/** A log that is to be there. */
export interface NewLog extends LogAddress {
  /** Milliseconds that it is kept after its end; noted in its first entry. */
  retentionMs: number;
}

/**
 * Creates a log with its first record, `0-1`, its time to live and the trace that it belongs to: before its job is
 * enqueued, so that a worker never finds a job without a log. A log that is there already stays as it is.
 */
export async function createLog(redis: RedisClient, log: NewLog, first: LogRecord): Promise<void> {
  if (isTerminal(first)) throw new TypeError('a log cannot begin with its end');
  const key = logKey(log.tenant, log.jobId);
  const [type, data] = encodeRecord(first);
  await withCreate(redis).sluiceCreateLog(
    key,
    type,
    log.tenant,
    data,
    OPEN_RETENTION_MS,
    log.retentionMs,
    currentTraceparent() ?? '',
  );
}

/** The `traceparent` of who created a log; undefined when there was none, or there is no such log. */
export async function readLogTrace(
  redis: RedisClient,
  log: Pick<LogAddress, 'tenant' | 'jobId'>,
): Promise<string | undefined> {
  const [first] = await redis.xrange(logKey(log.tenant, log.jobId), '-', '+', 'COUNT', 1);
  return first?.[1][9] || undefined;
}

/**
 * Ends a log from outside: by whoever finds that no attempt will. Raises the attempt, so that a writer which is still
 * alive is fenced off.
 *
 * @returns false when the log had ended before, or is not there
 */
export async function closeLog(
  redis: RedisClient,
  log: LogAddress,
  record: TerminalRecord,
): Promise<boolean> {
  try {
    await runAppend(redis, log, 'outsider', 1, [record]);
    return true;
  } catch (error) {
    if (error instanceof LogRefusedError && (error.refusal === 'CLOSED' || error.refusal === 'MISSING'))
      return false;
    throw error;
  }
}

/**
 * Notes something about a job that waits for its first attempt.
 *
 * @returns false when it waits no longer
 */
export async function noteWaiting(redis: RedisClient, log: LogAddress, record: LogRecord): Promise<boolean> {
  try {
    await runAppend(redis, log, 'waiting', 0, [record]);
    return true;
  } catch (error) {
    if (error instanceof LogRefusedError) return false;
    throw error;
  }
}

/**
 * Reads up to `count` entries after `after`, in order. An empty answer means that there is nothing more, or no such log.
 */
export async function readLog(
  redis: RedisClient,
  log: LogAddress,
  after: string = LOG_START,
  count = PAGE,
): Promise<LogEntry[]> {
  const entries = await redis.xrange(logKey(log.tenant, log.jobId), nextLogId(after), '+', 'COUNT', count);
  return entries.map((entry) => decodeEntry(log.tenant, entry));
}

/** Reads a whole log. Empty when there is none. */
export async function readWholeLog(redis: RedisClient, log: LogAddress): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for (;;) {
    const page = await readLog(redis, log, entries.at(-1)?.id, PAGE);
    entries.push(...page);
    if (page.length < PAGE) return entries;
  }
}

/** Whether a log has an entry of this id. */
export async function hasEntry(redis: RedisClient, log: LogAddress, id: string): Promise<boolean> {
  return (await redis.xrange(logKey(log.tenant, log.jobId), id, id)).length > 0;
}

/** The newest entry, or undefined when there is no such log. */
export async function readLastEntry(redis: RedisClient, log: LogAddress): Promise<LogEntry | undefined> {
  const [entry] = await redis.xrevrange(logKey(log.tenant, log.jobId), '+', '-', 'COUNT', 1);
  return entry && decodeEntry(log.tenant, entry);
}
