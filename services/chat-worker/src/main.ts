import { closeLog } from '@sluice/shared/event-log/log';
import { serveHealth } from '@sluice/shared/health';
import { loadOrExit, runProcess } from '@sluice/shared/lifecycle';
import { createLogger } from '@sluice/shared/logger';
import { createModelClient } from '@sluice/shared/model-client';
import { startWorker } from '@sluice/shared/queues';
import { closeRedis, connectRedis } from '@sluice/shared/redis/connection';
import type { ConnectionRole } from '@sluice/shared/redis/connection';
import { openVectorStore } from '@sluice/shared/vector-store/open';
import { answerChat } from './answer.ts';
import { loadConfig } from './config.ts';

const config = loadOrExit(loadConfig);
const logger = createLogger({ service: 'chat-worker', level: config.LOG_LEVEL });

await runProcess({ logger, drainTimeoutMs: config.DRAIN_TIMEOUT_MS }, async (stack) => {
  const connect = (role: ConnectionRole) =>
    stack.adopt(connectRedis({ url: config.REDIS_URL, role, service: 'chat-worker', logger }), closeRedis);
  const redis = connect('worker');
  const appender = connect('appender');
  const probe = connect('commands');
  const retentionMs = config.LOG_RETENTION_SECONDS * 1_000;

  const model = createModelClient({
    apiKey: config.OPENAI_API_KEY,
    baseUrl: config.OPENAI_BASE_URL,
    embeddingModel: config.EMBEDDING_MODEL,
    embeddingDimensions: config.EMBEDDING_DIMENSIONS,
  });
  const store = stack.use(
    await openVectorStore({
      qdrantUrl: config.QDRANT_URL,
      qdrantApiKey: config.QDRANT_API_KEY,
      dataDir: config.DATA_DIR,
      model: config.EMBEDDING_MODEL,
      dimensions: config.EMBEDDING_DIMENSIONS,
      logger,
    }),
  );

  const deps = { redis, appender, model, store, retentionMs, logger };
  stack.use(
    startWorker(
      'chat',
      { redis, concurrency: config.CHAT_CONCURRENCY, logger },
      {
        run: (job) => answerChat(deps, job),
        async abandoned({ tenant, id }, reason) {
          const error = 'The workers that tried to answer were lost. Try again.';
          const closed = await closeLog(
            appender,
            { tenant, jobId: id, retentionMs },
            { type: 'failed', code: 'worker_lost', error },
          );
          if (closed) logger.error({ job_id: id, tenant, reason }, 'gave up a chat');
        },
      },
    ),
  );

  const health = stack.use(
    await serveHealth({
      host: config.HEALTH_HOST,
      port: config.HEALTH_PORT,
      checks: {
        redis: async () => void (await probe.ping()),
        vector_store: () => store.ping(),
      },
    }),
  );
  logger.info({ health_port: health.port, concurrency: config.CHAT_CONCURRENCY }, 'chat-worker ready');
});
