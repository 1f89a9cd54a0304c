import type { z } from 'zod';
import type { commonSettings, modelSettings, vectorStoreSettings } from './config.ts';
import type { ServiceName } from './contracts/ops.ts';
import type { ReadinessCheck } from './health.ts';
import type { Logger } from './logger.ts';
import { registerProcessMetrics } from './metrics/registry.ts';
import { startHeartbeat } from './ops/heartbeat.ts';
import type { Heartbeat } from './ops/heartbeat.ts';
import type { RequestPacer } from './model/retry.ts';
import { createModelClient } from './model-client.ts';
import type { ModelClient } from './model-client.ts';
import { closeRedis, connectRedis } from './redis/connection.ts';
import type { ConnectionRole, RedisClient } from './redis/connection.ts';
import { startTelemetry } from './telemetry.ts';
import { openVectorStore } from './vector-store/open.ts';
import type { VectorSpace } from './vector-store/names.ts';
import type { VectorStore } from './vector-store/port.ts';
import { openServingStore } from './vector-store/serving.ts';
import { openSpaces } from './vector-store/spaces.ts';
import type { SpaceRegistry } from './vector-store/spaces.ts';

/** Settings that every service has. */
export type ServiceSettings = z.output<
  z.ZodObject<typeof commonSettings & typeof modelSettings & typeof vectorStoreSettings>
>;

/** What every service acquires in the same way; all of it is released by the stack that it was acquired with. */
export interface ServiceResources {
  /** What the operations page hears of this process. */
  heartbeat: Heartbeat;
  /** Opens one more connection, of a role. */
  connect: (role: ConnectionRole) => RedisClient;
  /** The connection of the role `commands`. */
  commands: RedisClient;
  model: ModelClient;
  /** The index that serves. */
  store: VectorStore;
  /** Which index serves, and which is being built. */
  spaces: SpaceRegistry;
  /** Opens the index of another space. */
  openStore: (space: VectorSpace) => Promise<VectorStore>;
  /** What `/readyz` asks of each service. */
  checks: Record<string, ReadinessCheck>;
}

/**
 * Begins to trace, where that is wanted, acquires connections, model and vector store for a service, and registers their
 * release on `stack`. To be called before anything else is acquired.
 *
 * @param options.openPacer opens what holds back the service's requests for embeddings, on a connection of the role `worker`
 */
export async function acquireResources(
  stack: AsyncDisposableStack,
  options: {
    service: ServiceName;
    settings: ServiceSettings;
    logger: Logger;
    openPacer?: (redis: RedisClient) => RequestPacer;
  },
): Promise<ServiceResources> {
  const { service, settings, logger } = options;
  await startTelemetry(stack, { service, settings, logger });
  const connect = (role: ConnectionRole) =>
    stack.adopt(connectRedis({ url: settings.REDIS_URL, role, service, logger }), closeRedis);
  const commands = connect('commands');
  registerProcessMetrics(service, commands);
  const heartbeat = stack.use(startHeartbeat({ redis: commands, service, logger }));
  const openStore = (space: VectorSpace) =>
    openVectorStore({
      qdrantUrl: settings.QDRANT_URL,
      qdrantApiKey: settings.QDRANT_API_KEY,
      dataDir: settings.DATA_DIR,
      ...space,
      logger,
    });
  const configured = { model: settings.EMBEDDING_MODEL, dimensions: settings.EMBEDDING_DIMENSIONS };
  const worker = connect('worker');
  const spaces = openSpaces(worker);
  const store = stack.use(await openServingStore({ spaces, configured, open: openStore, logger }));
  const model = createModelClient(
    {
      apiKey: settings.OPENAI_API_KEY,
      baseUrl: settings.OPENAI_BASE_URL,
      embeddingModel: settings.EMBEDDING_MODEL,
      embeddingDimensions: settings.EMBEDDING_DIMENSIONS,
      embeddingBaseUrl: settings.EMBEDDING_BASE_URL,
      embeddingApiKey: settings.EMBEDDING_API_KEY,
      fallbacks: settings.CHAT_FALLBACKS,
      tries: settings.MODEL_TRIES,
      maxRetryAfterMs: settings.MODEL_RETRY_AFTER_MAX_MS,
      connectTimeoutMs: settings.MODEL_CONNECT_TIMEOUT_MS,
      firstTokenTimeoutMs: settings.MODEL_FIRST_TOKEN_TIMEOUT_MS,
      tokenTimeoutMs: settings.MODEL_TOKEN_TIMEOUT_MS,
      breakerFailures: settings.MODEL_BREAKER_FAILURES,
      breakerResetMs: settings.MODEL_BREAKER_RESET_MS,
    },
    logger,
    options.openPacer?.(worker),
  );
  const checks = {
    redis: async () => void (await commands.ping()),
    vector_store: () => store.ping(),
  };
  return { heartbeat, connect, commands, model, store, spaces, openStore, checks };
}
