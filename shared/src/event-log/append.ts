import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { LogRecord } from '../contracts/events.ts';
import { countEnd, workOf } from '../metrics/event-log.ts';
import { noteError } from '../ops/recent-errors.ts';
import { isCluster, isRedisAway } from '../redis/connection.ts';
import type { RedisClient } from '../redis/connection.ts';
import { bellChannel, logKey, stopChannel } from '../redis/keys.ts';
import { encodeRecord } from './entry.ts';

const APPEND_LUA = readFileSync(new URL('./append.lua', import.meta.url), 'utf8');

/** Why a log takes no more from a writer. */
export type Refusal = 'MISSING' | 'CLOSED' | 'FENCED' | 'GAP';

const REFUSALS: Record<Refusal, string> = {
  MISSING: 'the log has expired or was never created',
  CLOSED: 'the log has ended',
  FENCED: 'a later attempt owns the log',
  GAP: 'records are missing before these',
};

/** The log refused an append: whoever wrote must stop working on the job. */
export class LogRefusedError extends Error {
  readonly refusal: Refusal;
  /** The id of the log's last entry; empty when it is not known. */
  readonly lastId: string;

  constructor(refusal: Refusal, jobId: string, lastId = '') {
    super(`append to the log of ${jobId} refused: ${REFUSALS[refusal]}`);
    this.name = 'LogRefusedError';
    this.refusal = refusal;
    this.lastId = lastId;
  }
}

/** Names one log. */
export interface LogAddress {
  tenant: string;
  jobId: string;
}

/**
 * How long a log without an end is kept after its last append: a night's backlog is well within it. How long one is kept
 * after its end is in its first entry, so that whoever ends it need not know.
 */
export const OPEN_RETENTION_MS = 7 * 86_400_000;

/** What an append found. */
export interface Appended {
  /** The id of what was the log's last entry before. */
  before: string;
  /** Subscribers of the log that heard of it; -1 when nothing was new. */
  listeners: number;
}

interface AppendCommand {
  sluiceAppend(
    key: string,
    ...args: (string | number)[]
  ): Promise<
    [status: 'OK', lastId: string, before: string, listeners: number] | [status: Refusal, lastId: string]
  >;
}

function withAppend(redis: RedisClient): RedisClient & AppendCommand {
  if (!('sluiceAppend' in redis)) redis.defineCommand('sluiceAppend', { numberOfKeys: 1, lua: APPEND_LUA });
  return redis as RedisClient & AppendCommand;
}

const corked = new WeakSet<RedisClient>();

/**
 * Holds what this turn of the event loop writes to the connection (on a cluster: to each of its nodes) back until its
 * end, so that the appends of many streams leave in one system call (DESIGN: 255,000 -> 448,000 tokens/s).
 */
function corkForThisTurn(redis: RedisClient): void {
  if (corked.has(redis) || redis.status !== 'ready') return;
  const nodes = isCluster(redis) ? redis.nodes('master') : [redis];
  const streams = nodes.filter((node) => node.status === 'ready').map((node) => node.stream);
  corked.add(redis);
  for (const stream of streams) stream.cork();
  setImmediate(() => {
    corked.delete(redis);
    for (const stream of streams) stream.uncork();
  });
}

/** Between two tries of an append that Redis cannot take now. */
const RETRY_MS = 100;

/**
 * Appends records of one attempt, all or none. Waits as long as Redis is away, also while a master has fewer replicas
 * than it must have to take a write.
 *
 * @param redis an `appender` connection
 * @param seq number of the first record within the attempt, from 1
 * @throws {LogRefusedError}
 */
export async function appendRecords(
  redis: RedisClient,
  log: LogAddress,
  attempt: number,
  seq: number,
  records: readonly LogRecord[],
): Promise<Appended> {
  for (;;) {
    corkForThisTurn(redis);
    try {
      return await runAppend(redis, log, attempt, seq, records);
    } catch (error) {
      if (!isRedisAway(error) || redis.status === 'end') throw error;
    }
    await delay(RETRY_MS);
  }
}

/**
 * `appendRecords` on any connection, at once.
 *
 * @param attempt `outsider` stands for one above the highest that the log has seen, `waiting` for records from before
 *   the first attempt, which are refused once it has begun
 * @throws {LogRefusedError}
 */
export async function runAppend(
  redis: RedisClient,
  log: LogAddress,
  attempt: number | 'outsider' | 'waiting',
  seq: number,
  records: readonly LogRecord[],
): Promise<Appended> {
  const [status, lastId, before, listeners] = await withAppend(redis).sluiceAppend(
    logKey(log.tenant, log.jobId),
    bellChannel(log.tenant, log.jobId),
    stopChannel(log.tenant, log.jobId),
    log.tenant,
    attempt,
    seq,
    isCluster(redis) ? 'SPUBLISH' : 'PUBLISH',
    OPEN_RETENTION_MS,
    ...records.flatMap(encodeRecord),
  );
  if (status !== 'OK') throw new LogRefusedError(status, log.jobId, lastId);
  const last = records.at(-1);
  countEnd(log, last);
  if (last?.type === 'failed') noteFailure(redis, log, last);
  return { before, listeners };
}

/** Whoever ends a log, this is where it is known. */
function noteFailure(
  redis: RedisClient,
  { tenant, jobId }: LogAddress,
  { code, error }: Extract<LogRecord, { type: 'failed' }>,
): void {
  noteError(redis, { source: workOf(jobId), code, message: error, tenant, job_id: jobId });
}
