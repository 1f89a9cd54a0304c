import { join } from 'node:path';
import { openAdmission } from '@sluice/shared/admission/admission';
import { openBatches } from '@sluice/shared/batches/batches';
import { openBlobStore } from '@sluice/shared/blob-store';
import { openDocuments } from '@sluice/shared/documents';
import { openEmbeddingCache } from '@sluice/shared/embedding/cache';
import { openEmbeddingPacer } from '@sluice/shared/embedding/pacer';
import { serveHealth } from '@sluice/shared/health';
import { checkOrExit, loadOrExit, runProcess } from '@sluice/shared/lifecycle';
import { createLogger } from '@sluice/shared/logger';
import { HAND_OVER_SHARE, startWorker } from '@sluice/shared/queues';
import { acquireResources } from '@sluice/shared/resources';
import { asBatchItem } from './batch-item.ts';
import { startIndexBuilder } from './build-index.ts';
import { loadConfig } from './config.ts';
import { checkOcrTools } from './extract/ocr-tools.ts';
import { withOcr } from './extract/ocr.ts';
import { createExtractor } from './extract/pool.ts';
import { giveUpDocument, ingestDocument } from './ingest.ts';

const config = loadOrExit(loadConfig);
const { OCR_LANGUAGES: languages } = config;
if (languages) await checkOrExit(() => checkOcrTools(languages));
const logger = createLogger({ service: 'ingest-worker', level: config.LOG_LEVEL });

await runProcess({ logger, drainTimeoutMs: config.DRAIN_TIMEOUT_MS }, async (stack) => {
  const budget = {
    requestsPerMinute: config.EMBEDDING_REQUESTS_PER_MINUTE,
    tokensPerMinute: config.EMBEDDING_TOKENS_PER_MINUTE,
    concurrency: config.EMBEDDING_CONCURRENCY,
  };
  const resources = await acquireResources(stack, {
    service: 'ingest-worker',
    settings: config,
    logger,
    openPacer: (connection) => openEmbeddingPacer(connection, budget, logger),
  });
  const { heartbeat, connect, model, store, spaces, openStore, checks } = resources;
  const redis = connect('worker');
  const limits = { timeoutMs: config.EXTRACT_TIMEOUT_MS, rssMb: config.EXTRACT_MEMORY_MB };
  const pool = createExtractor({
    ...limits,
    concurrency: config.INGEST_CONCURRENCY,
    heapMb: Math.floor(config.EXTRACT_MEMORY_MB / 2),
    onSettled: (report) => logger.info(report, 'extracted'),
  });
  const extractor = stack.use(
    languages ? withOcr(pool, { ...limits, languages, maxPages: config.OCR_MAX_PAGES }) : pool,
  );

  const cache =
    config.EMBEDDING_CACHE_MB === 0
      ? undefined
      : stack.use(
          openEmbeddingCache({
            path: join(config.DATA_DIR, 'cache', 'embeddings.db'),
            maxBytes: config.EMBEDDING_CACHE_MB * 1024 * 1024,
            logger,
          }),
        );

  const deps = {
    redis,
    appender: connect('appender'),
    documents: openDocuments(redis),
    blobs: await openBlobStore(config),
    store,
    extractor,
    model,
    cache,
    chunking: { size: config.CHUNK_SIZE, overlap: config.CHUNK_OVERLAP },
    logger,
  };
  const batches = openBatches(redis);
  const admission = openAdmission('ingest', redis, config.QUEUE_SHARDS);
  const handOverAfterMs = config.DRAIN_TIMEOUT_MS * HAND_OVER_SHARE;
  const options = {
    redis,
    shards: config.QUEUE_SHARDS,
    concurrency: config.INGEST_CONCURRENCY,
    handOverAfterMs,
    logger,
  };
  stack.use(
    startWorker('ingest', options, {
      async run(job) {
        await admission.leave(job.data, 'taken');
        await asBatchItem({ batches, documents: deps.documents }, job.data, () => ingestDocument(deps, job));
      },
      abandoned: (address) => giveUpDocument(deps, address),
    }),
  );

  const configured = { model: config.EMBEDDING_MODEL, dimensions: config.EMBEDDING_DIMENSIONS };
  stack.use(startIndexBuilder({ ...deps, spaces, openStore, configured }));

  const health = stack.use(await serveHealth({ host: config.HEALTH_HOST, port: config.HEALTH_PORT, checks }));
  stack.defer(() => heartbeat.drain());
  logger.info({ health_port: health.port, concurrency: config.INGEST_CONCURRENCY }, 'ingest-worker ready');
});
