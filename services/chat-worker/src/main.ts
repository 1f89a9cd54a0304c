import { closeLog } from '@sluice/shared/event-log/log';
import { serveHealth } from '@sluice/shared/health';
import { loadOrExit, runProcess } from '@sluice/shared/lifecycle';
import { createLogger } from '@sluice/shared/logger';
import { startWorker } from '@sluice/shared/queues';
import { acquireResources } from '@sluice/shared/resources';
import { answerChat } from './answer.ts';
import { loadConfig } from './config.ts';

const config = loadOrExit(loadConfig);
const logger = createLogger({ service: 'chat-worker', level: config.LOG_LEVEL });

await runProcess({ logger, drainTimeoutMs: config.DRAIN_TIMEOUT_MS }, async (stack) => {
  const resources = await acquireResources(stack, { service: 'chat-worker', settings: config, logger });
  const { connect, model, store, checks } = resources;
  const redis = connect('worker');
  const appender = connect('appender');
  const retentionMs = config.LOG_RETENTION_SECONDS * 1_000;

  const deps = { redis, appender, model, store, retentionMs, logger };
  const options = { redis, concurrency: config.CHAT_CONCURRENCY, logger };
  stack.use(
    startWorker('chat', options, {
      run: (job) => answerChat(deps, job),
      async abandoned({ tenant, id }, reason) {
        const error = 'The workers that tried to answer were lost. Try again.';
        const log = { tenant, jobId: id, retentionMs };
        const closed = await closeLog(appender, log, { type: 'failed', code: 'worker_lost', error });
        if (closed) logger.error({ job_id: id, tenant, reason }, 'gave up a chat');
      },
    }),
  );

  const health = stack.use(await serveHealth({ host: config.HEALTH_HOST, port: config.HEALTH_PORT, checks }));
  logger.info({ health_port: health.port, concurrency: config.CHAT_CONCURRENCY }, 'chat-worker ready');
});
