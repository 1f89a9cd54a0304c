import { openAdmission } from '@sluice/shared/admission/admission';
import type { ChatQueueName } from '@sluice/shared/contracts/jobs';
import { Doorbell } from '@sluice/shared/event-log/doorbell';
import { closeLog } from '@sluice/shared/event-log/log';
import { serveHealth } from '@sluice/shared/health';
import { loadOrExit, runProcess } from '@sluice/shared/lifecycle';
import { createLogger } from '@sluice/shared/logger';
import { HAND_OVER_SHARE, startWorker } from '@sluice/shared/queues';
import type { TakenJob } from '@sluice/shared/queues';
import { acquireResources } from '@sluice/shared/resources';
import { configureReranker } from '@sluice/shared/retrieval/reranker';
import { answerChat } from './answer.ts';
import { loadConfig } from './config.ts';

const config = loadOrExit(loadConfig);
const logger = createLogger({ service: 'chat-worker', level: config.LOG_LEVEL });

await runProcess({ logger, drainTimeoutMs: config.DRAIN_TIMEOUT_MS }, async (stack) => {
  const resources = await acquireResources(stack, { service: 'chat-worker', settings: config, logger });
  const { heartbeat, connect, model, store, checks } = resources;
  const redis = connect('worker');
  const appender = connect('appender');
  const deps = {
    redis,
    appender,
    doorbell: new Doorbell(connect('subscriber'), logger),
    model,
    store,
    reranker: configureReranker(config, logger),
    logger,
    knowledge: {
      condense: config.CONDENSE_QUESTIONS === 'on',
      tokenBudget: config.SOURCES_TOKEN_BUDGET,
    },
    takeover: { mode: config.TAKEOVER, style: config.TAKEOVER_PROMPT },
    cancelUnwatchedMs: config.CANCEL_UNWATCHED_SECONDS * 1_000,
  };
  const abandoned = ({ tenant, id }: { tenant: string; id: string }) => {
    const error = 'The workers that tried to answer were lost. Try again.';
    return closeLog(appender, { tenant, jobId: id }, { type: 'failed', code: 'worker_lost', error });
  };
  const serve = (queue: ChatQueueName, concurrency: number) => {
    const admission = openAdmission(queue, redis, config.QUEUE_SHARDS);
    const run = async (job: TakenJob<ChatQueueName>) => {
      const left = admission.leave(job.data, 'taken').catch((error: unknown) => {
        logger.warn({ err: error }, 'could not leave the backlog: the reaper will');
      });
      await answerChat(deps, job);
      await left;
    };
    const options = {
      redis,
      shards: config.QUEUE_SHARDS,
      concurrency,
      handOverAfterMs: config.DRAIN_TIMEOUT_MS * HAND_OVER_SHARE,
      logger,
    };
    stack.use(startWorker(queue, options, { run, abandoned }));
  };
  serve('chat', config.CHAT_CONCURRENCY);
  serve('chat-background', config.BACKGROUND_CONCURRENCY);

  const health = stack.use(await serveHealth({ host: config.HEALTH_HOST, port: config.HEALTH_PORT, checks }));
  stack.defer(() => heartbeat.drain());
  logger.info({ health_port: health.port, concurrency: config.CHAT_CONCURRENCY }, 'chat-worker ready');
});
