import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { openAdmission } from '@sluice/shared/admission/admission';
import { openBatches } from '@sluice/shared/batches/batches';
import { openBlobStore } from '@sluice/shared/blob-store';
import type { JobName } from '@sluice/shared/contracts/jobs';
import { openCollections } from '@sluice/shared/collections';
import { openDocuments } from '@sluice/shared/documents';
import { Doorbell } from '@sluice/shared/event-log/doorbell';
import { loadOrExit, runProcess } from '@sluice/shared/lifecycle';
import { createLogger } from '@sluice/shared/logger';
import { HAND_OVER_SHARE, openQueue } from '@sluice/shared/queues';
import { acquireResources } from '@sluice/shared/resources';
import { configureReranker } from '@sluice/shared/retrieval/reranker';
import { listKeys } from './api-keys.ts';
import { createApp } from './app.ts';
import { registerBacklogMetrics } from './backlog-metrics.ts';
import { loadConfig } from './config.ts';
import type { GatewayDeps, Lane } from './context.ts';
import { startHousekeeping } from './housekeeping.ts';
import { openQueueBoard } from './queue-board.ts';
import { startReaper } from './reaper.ts';

const config = loadOrExit(loadConfig);
/** A request that has taken all of its time still has its answer sent; Node itself would cut it off after 5 minutes. */
const ANSWER_MS = 30_000;
/** Proxies keep idle connections for 60 s; whoever closes first may do so just as the other sends a request. */
const KEEP_ALIVE_MS = 75_000;
/** Of the time to drain, when whoever still takes nothing of a stream, or sends without end, is cut off. */
const CUT_OFF_SHARE = 0.85;
/** Between two looks for connections that have become idle since a drain began. */
const CLOSE_IDLE_MS = 100;
const logger = createLogger({ service: 'gateway', level: config.LOG_LEVEL });

await runProcess({ logger, drainTimeoutMs: config.DRAIN_TIMEOUT_MS }, async (stack) => {
  const { heartbeat, connect, commands, model, store, spaces, checks } = await acquireResources(stack, {
    service: 'gateway',
    settings: config,
    logger,
  });
  const openLane = <N extends JobName>(name: N, limit: number): Lane<N> => ({
    queue: stack.use(openQueue(name, { redis: commands, shards: config.QUEUE_SHARDS, logger })),
    admission: openAdmission(name, commands, config.QUEUE_SHARDS),
    limits: { queue: limit, tenant: Math.ceil((limit * config.TENANT_BACKLOG_PERCENT) / 100) },
  });
  const uploadDir = join(config.DATA_DIR, 'uploads');
  const drain = { begun: new AbortController(), deadline: new AbortController() };
  const deps: GatewayDeps = {
    commands,
    reads: connect('worker'),
    doorbell: new Doorbell(connect('subscriber'), logger),
    lanes: {
      interactive: openLane('chat', config.CHAT_BACKLOG_LIMIT),
      background: openLane('chat-background', config.BACKGROUND_BACKLOG_LIMIT),
    },
    ingest: openLane('ingest', config.INGEST_BACKLOG_LIMIT),
    documents: openDocuments(commands),
    batches: openBatches(commands),
    collections: openCollections(commands),
    blobs: await openBlobStore(config),
    store,
    spaces,
    model,
    reranker: configureReranker(config, logger),
    checks: { ...checks, accepting: async () => drain.begun.signal.throwIfAborted() },
    logger,
    queueBoard: stack.use(openQueueBoard({ redis: commands, shards: config.QUEUE_SHARDS })),
    drain: { begun: drain.begun.signal, deadline: drain.deadline.signal },
    settings: {
      keys: listKeys(config),
      corsOrigins: config.CORS_ORIGINS,
      trustedProxies: config.TRUST_PROXY,
      chatModel: config.CHAT_MODEL,
      chatModels: config.CHAT_MODELS,
      uploadMaxBytes: config.UPLOAD_MAX_BYTES,
      uploadDir,
      form: {
        dir: uploadDir,
        files: config.UPLOAD_MAX_FILES,
        fileBytes: config.UPLOAD_MAX_BYTES,
        archiveBytes: config.ARCHIVE_MAX_BYTES,
        timeoutMs: config.UPLOAD_TIMEOUT_SECONDS * 1_000,
      },
      zip: {
        entries: config.ARCHIVE_MAX_ENTRIES,
        inflatedBytes: config.ARCHIVE_MAX_UNPACKED_BYTES,
        entryBytes: config.UPLOAD_MAX_BYTES,
      },
      batchWindow: config.BATCH_WINDOW,
      batchRetentionMs: config.BATCH_RETENTION_SECONDS * 1_000,
      retentionMs: config.LOG_RETENTION_SECONDS * 1_000,
      idempotencyMs: config.IDEMPOTENCY_TTL_SECONDS * 1_000,
      noWorkerMs: config.NO_WORKER_TIMEOUT_SECONDS * 1_000,
    },
  };
  stack.use(startReaper(deps));
  stack.use(startHousekeeping(deps));
  registerBacklogMetrics(deps);
  const app = createApp(deps);

  const server = createServer(
    { requestTimeout: deps.settings.form.timeoutMs + ANSWER_MS, keepAliveTimeout: KEEP_ALIVE_MS },
    app,
  );
  server.listen(config.PORT, config.HOST);
  await once(server, 'listening');
  stack.defer(async () => {
    const closed = once(server, 'close');
    // A closed server goes on serving the connections that are busy now, for as long as requests come on them.
    server.prependListener('request', (_request, response) => (response.shouldKeepAlive = false));
    server.close();
    drain.begun.abort(new Error('draining'));
    const after = (share: number, act: () => void) => setTimeout(act, config.DRAIN_TIMEOUT_MS * share);
    const deadline = after(HAND_OVER_SHARE, () => drain.deadline.abort());
    const cutOff = after(CUT_OFF_SHARE, () => server.closeAllConnections());
    const closing = setInterval(() => server.closeIdleConnections(), CLOSE_IDLE_MS);
    await closed;
    for (const timer of [deadline, cutOff, closing]) clearTimeout(timer);
  });
  stack.defer(() => heartbeat.drain());
  const { address, port } = server.address() as AddressInfo;
  logger.info({ address, port }, `gateway ready on http://${address}:${port}`);
});
