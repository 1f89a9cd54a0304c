import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startOfflineModel } from '../../dev/offline-model/server.ts';
import type { OfflineModel } from '../../dev/offline-model/server.ts';
import { startService } from './process.ts';
import type { ServiceName, TestService } from './process.ts';
import { startRedis } from './redis.ts';
import type { TestRedis } from './redis.ts';

/** The whole product as it runs in production: Redis, services as processes, and the offline model as the model. */
export interface TestStack extends AsyncDisposable {
  /** The gateway's base URL. */
  url: string;
  redis: TestRedis;
  model: OfflineModel;
  dataDir: string;
  gateway: TestService;
  /** Services of the stack by name, in the order of their start. */
  services: TestService[];
  /** Starts one more service of the stack. */
  start(name: ServiceName, env?: Record<string, string>): Promise<TestService>;
}

/** What a test may choose of a stack. */
export interface StackOptions {
  /** Beside the gateway; one chat-worker and one ingest-worker unless given. */
  services?: ServiceName[];
  /** Of the offline model; none unless given. */
  tokenDelayMs?: number;
  env?: Record<string, string>;
}

/** Starts a stack and waits until all of it is ready. */
export async function startStack(options: StackOptions = {}): Promise<TestStack> {
  const cleanup = new AsyncDisposableStack();
  try {
    return await startInto(cleanup, options);
  } catch (error) {
    await cleanup.disposeAsync();
    throw error;
  }
}

async function startInto(cleanup: AsyncDisposableStack, options: StackOptions): Promise<TestStack> {
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-test-'));
  cleanup.defer(() => rm(dataDir, { recursive: true, force: true }));
  const redis = cleanup.use(await startRedis({ appendonly: true }));
  const model = await startOfflineModel({
    host: '127.0.0.1',
    port: 0,
    dimensions: 384,
    tokenDelayMs: options.tokenDelayMs ?? 0,
  });
  cleanup.defer(() => model.close());
  const env = {
    DATA_DIR: dataDir,
    REDIS_URL: redis.url,
    OPENAI_BASE_URL: model.url,
    OPENAI_API_KEY: 'offline',
    CHAT_MODEL: 'offline-chat',
    EMBEDDING_MODEL: 'offline-embedding',
    EMBEDDING_DIMENSIONS: '384',
    TAKEOVER_PROMPT: 'prefill',
    ...(process.env['QDRANT_URL'] !== undefined && { QDRANT_URL: process.env['QDRANT_URL'] }),
    ...options.env,
  };
  const services: TestService[] = [];
  const start = async (name: ServiceName, more: Record<string, string> = {}) => {
    const service = cleanup.use(await startService(name, { ...env, ...more }));
    services.push(service);
    return service;
  };
  const gateway = await start('gateway');
  await Promise.all((options.services ?? ['chat-worker', 'ingest-worker']).map((name) => start(name)));
  return {
    url: gateway.url,
    redis,
    model,
    dataDir,
    gateway,
    services,
    start,
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  };
}
