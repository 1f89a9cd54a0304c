import { Queue, UnrecoverableError, Worker } from 'bullmq';
import type { Job, JobsOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import { jobSchemas } from './contracts/jobs.ts';
import type { JobData, JobName } from './contracts/jobs.ts';
import { withWorkContext } from './logger.ts';
import type { Logger } from './logger.ts';
import { queuePrefix } from './redis/keys.ts';

/** How jobs of each queue are kept and retried. */
const JOB_OPTIONS: Record<JobName, JobsOptions> = {
  // A chat is never run again for an error: the answer has told the client. Only the loss of its worker restarts it.
  chat: { attempts: 1 },
  // Embedding or storage may be away for a while: 2, 4, 8, 16, 32, 64 s, about two minutes in all.
  ingest: { attempts: 7, backoff: { type: 'exponential', delay: 2_000, jitter: 0.5 } },
};
const KEEP_COMPLETED = { age: 3_600, count: 1_000 };
const KEEP_FAILED = { age: 7 * 86_400, count: 1_000 };

/** A lost worker's job is taken over after LOCK_MS at most plus STALLED_CHECK_MS (BullMQ's defaults: 60 s). */
const LOCK_MS = 8_000;
const STALLED_CHECK_MS = 4_000;
/** Workers that one job may bring down before it is given up as poison. */
const MAX_LOST_WORKERS = 3;

/** The producing end of a queue. */
export interface JobQueue<N extends JobName> extends AsyncDisposable {
  /** Adds a job under its own id. Throws at once when the connection is down and of the role `commands`. */
  add(data: JobData<N>): Promise<void>;
  /** Jobs waiting to be taken. */
  waiting(): Promise<number>;
}

/** Opens the producing end of a queue on a connection that the caller closes. */
export function openQueue<N extends JobName>(name: N, redis: Redis, logger: Logger): JobQueue<N> {
  const queue = new Queue(name, {
    connection: redis,
    prefix: queuePrefix(name),
    skipWaitingForReady: true,
    defaultJobOptions: { ...JOB_OPTIONS[name], removeOnComplete: KEEP_COMPLETED, removeOnFail: KEEP_FAILED },
  });
  queue.on('error', (error) => logger.debug({ err: error, queue: name }, 'queue connection error'));
  return {
    async add(data) {
      const parsed = jobSchemas[name].parse(data);
      await queue.add(name, parsed, { jobId: parsed.id });
    },
    waiting: () => queue.getWaitingCount(),
    [Symbol.asyncDispose]: () => queue.close(),
  };
}

/** One taking of a job by a worker. */
export interface TakenJob<N extends JobName> {
  data: JobData<N>;
  /** 1 for the first worker that takes the job, rising with each retry and each lost worker: the log's fence. */
  attempt: number;
  /** Whether a throw now is final: no retry is left. */
  isLastTry: boolean;
  /** Aborted when the lock is lost or the worker is told to drop the job. */
  signal: AbortSignal;
}

/** What a service does with the jobs of its queue. */
export interface JobHandler<N extends JobName> {
  /** Does the job. A throw leads to a retry where the queue has one left, unless it is an `UnrecoverableError`. */
  run(job: TakenJob<N>): Promise<void>;
  /** The job is given up without `run` having said so: its workers were lost too often, or its data is invalid. */
  abandoned(data: { tenant: string; id: string }, reason: string): Promise<void>;
}

/**
 * Starts taking jobs. Disposing stops taking and resolves when running jobs have ended.
 */
export function startWorker<N extends JobName>(
  name: N,
  options: { redis: Redis; concurrency: number; logger: Logger },
  handler: JobHandler<N>,
): AsyncDisposable {
  const { logger } = options;
  // BullMQ passes its AbortSignal only to processors that declare three parameters.
  const process = async (job: Job, _token: string | undefined, signal: AbortSignal | undefined) => {
    const parsed = jobSchemas[name].safeParse(job.data);
    if (!parsed.success) throw new UnrecoverableError(`invalid job data: ${parsed.error.message}`);
    const data = parsed.data as JobData<N>;
    const taken: TakenJob<N> = {
      data,
      attempt: job.attemptsStarted,
      isLastTry: job.attemptsMade + 1 >= (job.opts.attempts ?? 1),
      signal: signal ?? new AbortController().signal,
    };
    const context = { request_id: data.request_id, tenant: data.tenant, job_id: data.id };
    await withWorkContext(context, () => handler.run(taken));
  };
  const worker = new Worker(name, process, {
    connection: options.redis,
    prefix: queuePrefix(name),
    concurrency: options.concurrency,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_CHECK_MS,
    maxStalledCount: MAX_LOST_WORKERS - 1,
  });
  worker.on('error', (error) => logger.warn({ err: error, queue: name }, 'worker error'));
  worker.on('stalled', (jobId) =>
    logger.warn({ job_id: jobId, queue: name }, 'a job lost its worker and is taken over'),
  );
  worker.on('failed', (job, error) => {
    logger.warn({ job_id: job?.id, queue: name, reason: error.message }, 'job failed');
    const address = job?.data as { tenant?: unknown; id?: unknown } | undefined;
    if (typeof address?.tenant !== 'string' || typeof address.id !== 'string' || !job?.finishedOn) return;
    handler.abandoned({ tenant: address.tenant, id: address.id }, error.message).catch((cause: unknown) => {
      logger.error({ err: cause, job_id: job.id }, 'could not close an abandoned job');
    });
  });
  return { [Symbol.asyncDispose]: () => worker.close() };
}
