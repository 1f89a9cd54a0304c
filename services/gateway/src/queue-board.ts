import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { Queue } from 'bullmq';
import type { Job } from 'bullmq';
import type { RequestHandler } from 'express';
import { jobSchemas } from '@sluice/shared/contracts/jobs';
import type { RedisClient } from '@sluice/shared/redis/connection';
import { queuePrefix } from '@sluice/shared/redis/keys';
import { perShard } from '@sluice/shared/shards';

export const BOARD_PATH = '/ops/queues';

/** What of a job's data is no text of a user's, nor says who the user is. */
const SHOWN_DATA = [
  'tenant',
  'id',
  'request_id',
  'retention_ms',
  'model',
  'temperature',
  'max_tokens',
  'document_id',
  'version',
  'type',
  'batch',
];
const HIDDEN = '(hidden: needs the scope admin)';
/** Failed jobs begin with the error's code; what follows may be anything. */
const CODE = /^[a-z_]+(?=: )/;

/** Bull Board over all queues and shards: one that shows what operations may see, and one that shows and does everything. */
export interface QueueBoard extends AsyncDisposable {
  watch: RequestHandler;
  change: RequestHandler;
}

/**
 * Opens Bull Board on a connection that the caller closes.
 *
 * @param options.redis role `commands`
 */
export function openQueueBoard({ redis, shards }: { redis: RedisClient; shards: number }): QueueBoard {
  const queues = Object.keys(jobSchemas).flatMap((name) =>
    perShard(shards, (shard) => ({
      queue: openBoardQueue(name, shard, redis),
      ...labelOf(name, shard, shards),
    })),
  );
  const openBoard = (Adapter: typeof BullMQAdapter, readOnlyMode: boolean) => {
    const serverAdapter = new OfflineAdapter();
    serverAdapter.setBasePath(BOARD_PATH);
    createBullBoard({
      queues: queues.map(
        // A retried job of a log that has ended does nothing: documents are retried on the operations page.
        ({ queue, ...label }) => new Adapter(queue, { ...label, readOnlyMode, allowRetries: false }),
      ),
      serverAdapter,
      options: {
        uiConfig: {
          boardTitle: 'Sluice queues',
          miscLinks: [{ text: 'Operations', url: '/ops' }],
          hideDocsLink: true,
        },
      },
    });
    return serverAdapter.getRouter() as RequestHandler;
  };
  return {
    watch: openBoard(RedactingAdapter, true),
    change: openBoard(BullMQAdapter, false),
    async [Symbol.asyncDispose]() {
      await Promise.all(queues.map(({ queue }) => queue.close()));
    },
  };
}

function openBoardQueue(name: string, shard: number, redis: RedisClient): Queue {
  const options = { prefix: queuePrefix(name, shard), skipWaitingForReady: true, skipVersionCheck: true };
  const queue = new Queue(name, { connection: redis, ...options });
  // Whoever opens the board while Redis is away gets an error; nobody else needs to know.
  queue.on('error', () => {});
  return queue;
}

/** Shards of a queue have its name; the board tells queues apart by prefix and name. */
function labelOf(name: string, shard: number, shards: number): { prefix?: string; displayName?: string } {
  return shards === 1 ? {} : { prefix: `shard-${shard}-`, displayName: `${name}, shard ${shard}` };
}

/** Shows no text of users. */
class RedactingAdapter extends BullMQAdapter {
  override async getJob(id: string): Promise<Job | undefined> {
    const job = await super.getJob(id);
    return job && redact(job);
  }

  override async getJobs(...args: Parameters<BullMQAdapter['getJobs']>): Promise<Job[]> {
    return (await super.getJobs(...args)).map(redact);
  }

  override getJobLogs(): Promise<string[]> {
    return Promise.resolve([]);
  }
}

/** Changes what was read, not what is stored. */
function redact(job: Job): Job {
  const data = Object.entries((job.data ?? {}) as Record<string, unknown>);
  job.data = Object.fromEntries(
    data.map(([field, value]) => [field, SHOWN_DATA.includes(field) ? value : HIDDEN]),
  );
  if (job.failedReason) job.failedReason = CODE.exec(job.failedReason)?.[0] ?? HIDDEN;
  job.stacktrace = [];
  job.returnvalue = undefined;
  return job;
}

type Render = (path: string, options: object, callback: (error: unknown, html?: string) => void) => void;

/** Bull Board's page asks Google for fonts; ours asks nobody for anything. */
class OfflineAdapter extends ExpressAdapter {
  override setViewsPath(path: string): this {
    super.setViewsPath(path);
    const { engines } = this.app as unknown as { engines: Record<string, Render> };
    const render = engines['.ejs'] as Render;
    engines['.ejs'] = (view, options, callback) =>
      render(view, options, (error, html) =>
        callback(error, html?.replace(/<link [^>]*href="https?:[^>]*>/g, '')),
      );
    this.app.disable('x-powered-by');
    return this;
  }
}
