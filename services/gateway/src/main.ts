import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { openBlobStore } from '@sluice/shared/blob-store';
import { openDocuments } from '@sluice/shared/documents';
import { Doorbell } from '@sluice/shared/event-log/doorbell';
import { loadOrExit, runProcess } from '@sluice/shared/lifecycle';
import { createLogger } from '@sluice/shared/logger';
import { openQueue } from '@sluice/shared/queues';
import { acquireResources } from '@sluice/shared/resources';
import { createApp } from './app.ts';
import { loadConfig } from './config.ts';

const config = loadOrExit(loadConfig);
const logger = createLogger({ service: 'gateway', level: config.LOG_LEVEL });

await runProcess({ logger, drainTimeoutMs: config.DRAIN_TIMEOUT_MS }, async (stack) => {
  const { connect, commands, model, store, checks } = await acquireResources(stack, {
    service: 'gateway',
    settings: config,
    logger,
  });
  const app = createApp({
    commands,
    reads: connect('worker'),
    doorbell: new Doorbell(connect('subscriber'), logger),
    chats: stack.use(openQueue('chat', commands, logger)),
    ingests: stack.use(openQueue('ingest', commands, logger)),
    documents: openDocuments(commands),
    blobs: openBlobStore(config.DATA_DIR),
    store,
    model,
    checks,
    logger,
    settings: {
      apiKey: config.SLUICE_API_KEY,
      corsOrigins: config.CORS_ORIGINS,
      chatModel: config.CHAT_MODEL,
      uploadMaxBytes: config.UPLOAD_MAX_BYTES,
      uploadDir: join(config.DATA_DIR, 'uploads'),
      retentionMs: config.LOG_RETENTION_SECONDS * 1_000,
    },
  });

  const server = createServer(app);
  server.listen(config.PORT, config.HOST);
  await once(server, 'listening');
  stack.defer(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeIdleConnections();
    await closed;
  });
  const { address, port } = server.address() as AddressInfo;
  logger.info({ address, port }, `gateway ready on http://${address}:${port}`);
});
