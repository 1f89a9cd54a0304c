import { Queue, UnrecoverableError, WaitingError, Worker } from 'bullmq';
import type { Job, JobsOptions } from 'bullmq';
import { jobSchemas } from './contracts/jobs.ts';
import type { JobData, JobName } from './contracts/jobs.ts';
import { withWorkContext } from './logger.ts';
import type { Logger } from './logger.ts';
import { jobRun, jobsAbandoned, jobSlots, jobsRunning, jobsStalled, jobWait } from './metrics/jobs.ts';
import { startAtZero } from './metrics/registry.ts';
import type { RedisClient } from './redis/connection.ts';
import { queuePrefix } from './redis/keys.ts';
import { perShard, shardOf, shareOf } from './shards.ts';
import { queueTelemetry } from './tracing/queue.ts';
import { noteFailure } from './tracing/spans.ts';

/** How jobs of each queue are kept and retried. */
const JOB_OPTIONS: Record<JobName, JobsOptions> = {
  // A chat is never run again for an error: the answer has told the client. Only the loss of its worker restarts it.
  chat: { attempts: 1 },
  'chat-background': { attempts: 1 },
  // Embedding or storage may be away for a while: 2, 4, 8, 16, 32, 64 s, about two minutes in all.
  ingest: { attempts: 7, backoff: { type: 'exponential', delay: 2_000, jitter: 0.5 } },
};
/** The log says how a job went; the job itself, with what the user wrote, goes. */
const REMOVE_ON_COMPLETE = true;
/** For inspection. */
const KEEP_FAILED = { age: 86_400, count: 1_000 };

/** A lost worker's job is taken over after LOCK_MS at most plus STALLED_CHECK_MS (BullMQ's defaults: 60 s). */
const LOCK_MS = 6_000;
const STALLED_CHECK_MS = 2_000;
/** Workers that one job may bring down before it is given up as poison. */
const MAX_LOST_WORKERS = 3;

/** Of the time to drain, how much running jobs have before they are handed over; the rest is for handing over. */
export const HAND_OVER_SHARE = 0.7;

/** BullMQ's highest (that is, last served) priority. */
const LOWEST_PRIORITY = 2 ** 21;

/** Where a job is, as far as its queue knows. */
export type JobState = 'waiting' | 'active' | 'gone';

/** Jobs of a queue by their state. Delayed ones wait for another try. */
export type JobCounts = Record<'waiting' | 'active' | 'delayed' | 'failed', number>;

/** The producing end of a queue. */
export interface JobQueue<N extends JobName> extends AsyncDisposable {
  /**
   * Adds a job under its own id; does nothing when it is there already. Throws at once when the connection is down and
   * of the role `commands`.
   *
   * @param turn jobs of a lower turn are taken first, jobs of the same turn in their order; from 1
   */
  add(data: JobData<N>, turn: number): Promise<void>;
  /** Finished and failed jobs count as gone. */
  state(jobId: string): Promise<JobState>;
  /**
   * Takes a waiting job out.
   *
   * @returns its data, or undefined when a worker has it or it is gone
   */
  remove(jobId: string): Promise<JobData<N> | undefined>;
  /** Worker processes that take jobs of the queue. */
  workers(): Promise<number>;
  counts(): Promise<JobCounts>;
  /** Active jobs that no worker holds any more: their lock has run out, and nobody has taken them over yet. */
  lost(): Promise<number>;
}

/** Opens the producing end of a queue, all shards of it, on a connection that the caller closes. */
export function openQueue<N extends JobName>(
  name: N,
  options: { redis: RedisClient; shards: number; logger: Logger },
): JobQueue<N> {
  const shards = perShard(options.shards, (shard) => openShard(name, shard, options.redis, options.logger));
  const queueOf = (jobId: string) => shards[shardOf(jobId, shards.length)] as JobQueue<N>;
  return {
    add: (data, turn) => queueOf(data.id).add(data, turn),
    state: (jobId) => queueOf(jobId).state(jobId),
    remove: (jobId) => queueOf(jobId).remove(jobId),
    // Each worker process takes from every shard.
    workers: async () => Math.max(...(await Promise.all(shards.map((queue) => queue.workers())))),
    async counts() {
      const all = await Promise.all(shards.map((queue) => queue.counts()));
      const sum = (state: keyof JobCounts) => all.reduce((total, counts) => total + counts[state], 0);
      return {
        waiting: sum('waiting'),
        active: sum('active'),
        delayed: sum('delayed'),
        failed: sum('failed'),
      };
    },
    lost: async () =>
      (await Promise.all(shards.map((queue) => queue.lost()))).reduce((total, lost) => total + lost, 0),
    async [Symbol.asyncDispose]() {
      await Promise.all(shards.map((queue) => queue[Symbol.asyncDispose]()));
    },
  };
}

function openShard<N extends JobName>(
  name: N,
  shard: number,
  redis: RedisClient,
  logger: Logger,
): JobQueue<N> {
  const telemetry = queueTelemetry(name);
  const queue = new Queue(name, {
    connection: redis,
    ...(telemetry && { telemetry }),
    prefix: queuePrefix(name, shard),
    skipWaitingForReady: true,
    // INFO of a connection that is not up yet fails at once, and BullMQ never asks again: the queue would be dead for ever.
    skipVersionCheck: true,
    defaultJobOptions: {
      ...JOB_OPTIONS[name],
      removeOnComplete: REMOVE_ON_COMPLETE,
      removeOnFail: KEEP_FAILED,
    },
  });
  queue.on('error', (error) => logger.debug({ err: error, queue: name }, 'queue connection error'));
  return {
    async add(data, turn) {
      const parsed = jobSchemas[name].parse(data);
      await queue.add(name, parsed, { jobId: parsed.id, priority: Math.min(turn, LOWEST_PRIORITY) });
    },
    async state(jobId) {
      const state = await queue.getJobState(jobId);
      if (state === 'active') return 'active';
      return state === 'unknown' || state === 'completed' || state === 'failed' ? 'gone' : 'waiting';
    },
    async remove(jobId) {
      const job = await queue.getJob(jobId);
      // BullMQ gives 0 for a job that a worker has locked.
      const isRemoved = job !== undefined && (await queue.remove(jobId)) === 1;
      return isRemoved ? (jobSchemas[name].parse(job.data) as JobData<N>) : undefined;
    },
    workers: () => queue.getWorkersCount(),
    async counts() {
      const {
        prioritized = 0,
        waiting = 0,
        ...counts
      } = await queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed');
      const { active = 0, delayed = 0, failed = 0 } = counts;
      return { waiting: waiting + prioritized, active, delayed, failed };
    },
    lost: () => lookForLost(redis, queue),
    [Symbol.asyncDispose]: () => queue.close(),
  };
}

/**
 * KEYS active jobs; ARGV what the key of each begins with. In one step, since a job that ends gives up its lock and leaves the
 * list together. Of a thousand jobs at most: this is to notice that some are lost.
 */
const LOST_LUA = `
local lost = 0
for _, id in ipairs(redis.call('LRANGE', KEYS[1], -1000, -1)) do
  if redis.call('EXISTS', ARGV[1] .. id .. ':lock') == 0 then lost = lost + 1 end
end
return lost`;

function lookForLost(redis: RedisClient, queue: Queue): Promise<number> {
  redis.defineCommand('sluiceLost', { numberOfKeys: 1, lua: LOST_LUA });
  const commands = redis as RedisClient & { sluiceLost(active: string, prefix: string): Promise<number> };
  return commands.sluiceLost(queue.toKey('active'), queue.toKey(''));
}

/** One taking of a job by a worker. */
export interface TakenJob<N extends JobName> {
  data: JobData<N>;
  /** 1 for the first worker that takes the job, rising with each retry and each lost worker: the log's fence. */
  attempt: number;
  /** Whether a throw now is final: no retry is left. */
  isLastTry: boolean;
  /** Aborted when the lock is lost, or when the worker drains and another one is to go on. */
  signal: AbortSignal;
}

/** What a service does with the jobs of its queue. */
export interface JobHandler<N extends JobName> {
  /** Does the job. A throw leads to a retry where the queue has one left, unless it is an `UnrecoverableError`. */
  run(job: TakenJob<N>): Promise<void>;
  /**
   * Ends what is left of a job that has failed for good. Where there is something left the job was given up without `run`
   * having said so: its workers were lost too often, or its data is invalid.
   *
   * @returns whether there was
   */
  abandoned(data: { tenant: string; id: string }): Promise<boolean>;
}

/** How a worker runs. */
export interface WorkerOptions {
  redis: RedisClient;
  /** Shards of the queue; each has a share of the concurrency. */
  shards: number;
  /** Jobs at the same time. */
  concurrency: number;
  /** Milliseconds that running jobs have to end after a drain begins; then they are handed to another worker. */
  handOverAfterMs: number;
  logger: Logger;
}

/**
 * Starts taking jobs from all shards of a queue. Disposing drains: it takes no more, lets running jobs end, hands over
 * what takes too long, and resolves when nothing runs.
 */
export function startWorker<N extends JobName>(
  name: N,
  options: WorkerOptions,
  handler: JobHandler<N>,
): AsyncDisposable {
  const workers = perShard(options.shards, (shard) => startShardWorker(name, shard, options, handler));
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()));
    },
  };
}

function startShardWorker<N extends JobName>(
  name: N,
  shard: number,
  options: WorkerOptions,
  handler: JobHandler<N>,
): AsyncDisposable {
  const { logger } = options;
  let isHandingOver = false;

  // BullMQ passes its AbortSignal only to processors that declare three parameters.
  const process = async (job: Job, token: string | undefined, signal: AbortSignal | undefined) => {
    const data = parseJob(name, job.data);
    const taken: TakenJob<N> = {
      data,
      attempt: job.attemptsStarted,
      isLastTry: job.attemptsMade + 1 >= (job.opts.attempts ?? 1),
      signal: signal ?? new AbortController().signal,
    };
    const context = { request_id: data.request_id, tenant: data.tenant, job_id: data.id };
    if (taken.attempt === 1)
      jobWait.observe({ queue: name }, Math.max(0, Date.now() - job.timestamp) / 1_000);
    jobsRunning.inc({ queue: name });
    const ended = jobRun.startTimer({ queue: name });
    let outcome = 'failed';
    try {
      await withWorkContext(context, async () => {
        try {
          await handler.run(taken);
        } catch (error) {
          if (!isHandingOver || !taken.signal.aborted) {
            noteFailure(error);
            throw error;
          }
          await job.moveToWait(token);
          outcome = 'handed_over';
          logger.info({ attempt: taken.attempt }, 'handed over to another worker');
          throw new WaitingError();
        }
      });
      outcome = 'completed';
    } finally {
      jobsRunning.dec({ queue: name });
      ended({ outcome });
    }
  };

  const giveUp = async ({ tenant, id }: { tenant: string; id: string }, reason: string) => {
    if (!(await handler.abandoned({ tenant, id }))) return;
    jobsAbandoned.inc({ queue: name });
    logger.error({ job_id: id, tenant, queue: name, reason }, 'gave up a job');
  };

  const concurrency = shareOf(options.concurrency, options.shards);
  jobSlots.inc({ queue: name }, concurrency);
  for (const counter of [jobsStalled, jobsAbandoned]) startAtZero(counter, 'queue', [name]);
  const telemetry = queueTelemetry(name);
  const worker = new Worker(name, process, {
    connection: options.redis,
    ...(telemetry && { telemetry }),
    prefix: queuePrefix(name, shard),
    concurrency,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_CHECK_MS,
    maxStalledCount: MAX_LOST_WORKERS - 1,
  });
  worker.on('error', (error) => logger.warn({ err: error, queue: name }, 'worker error'));
  worker.on('stalled', (jobId) => {
    jobsStalled.inc({ queue: name });
    logger.warn({ job_id: jobId, queue: name }, 'a job lost its worker and is taken over');
  });
  worker.on('lockRenewalFailed', (jobIds) => {
    for (const jobId of jobIds) worker.cancelJob(jobId, 'lock lost');
  });
  worker.on('failed', (job, error) => {
    logger.warn({ job_id: job?.id, queue: name, reason: error.message }, 'job failed');
    const { tenant, id, request_id } = (job?.data ?? {}) as Record<string, unknown>;
    if (typeof tenant !== 'string' || typeof id !== 'string' || !job?.finishedOn) return;
    const context = { request_id: String(request_id), tenant, job_id: id };
    withWorkContext(context, () => giveUp({ tenant, id }, error.message)).catch((cause: unknown) => {
      logger.error({ err: cause, job_id: job.id }, 'could not close an abandoned job');
    });
  });

  return {
    async [Symbol.asyncDispose]() {
      const timer = setTimeout(() => {
        isHandingOver = true;
        worker.cancelAllJobs('draining');
      }, options.handOverAfterMs);
      await worker.close();
      clearTimeout(timer);
    },
  };
}

function parseJob<N extends JobName>(name: N, data: unknown): JobData<N> {
  const parsed = jobSchemas[name].safeParse(data);
  if (parsed.success) return parsed.data as JobData<N>;
  throw new UnrecoverableError(`invalid job data: ${parsed.error.message}`);
}
