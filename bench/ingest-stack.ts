import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startService } from '../tests/helpers/process.ts';
import type { ServiceName } from '../tests/helpers/process.ts';
import { pidOf, startServer } from './processes.ts';
import type { BenchServer, Measured } from './processes.ts';
import { startBenchRedis } from './stack.ts';
import type { Target } from './stack.ts';

/** What one embedding request takes: a request of 64 chunks to a hosted model takes 100 to 300 ms. */
const EMBEDDING_LATENCY_MS = 100;

/** All of Sluice, with a chat model and an embeddings endpoint that cost next to nothing. */
export interface IngestStack extends AsyncDisposable {
  /** The gateway's. */
  url: string;
  model: BenchServer;
  chat: Target;
  worker: Measured;
  redis: Measured;
  gateway: Measured;
  embeddings: Measured;
}

/** Starts the stack, in a data folder and Redis of its own. */
export async function startIngestStack(): Promise<IngestStack> {
  const cleanup = new AsyncDisposableStack();
  try {
    const dataDir = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
    cleanup.defer(() => rm(dataDir, { recursive: true, force: true }));
    const model = cleanup.use(await startServer('model', 'mock-model.ts'));
    const embeddings = cleanup.use(
      await startServer('embeddings', 'mock-embeddings.ts', [String(EMBEDDING_LATENCY_MS)]),
    );
    const server = await startBenchRedis(cleanup, dataDir);
    const redis = { name: 'redis', pid: server.pid };
    const env = {
      LOG_LEVEL: 'warn',
      DATA_DIR: dataDir,
      REDIS_URL: server.url,
      OPENAI_API_KEY: 'none',
      OPENAI_BASE_URL: `${model.url}/v1`,
      CHAT_MODEL: 'bench',
      EMBEDDING_BASE_URL: `${embeddings.url}/v1`,
      EMBEDDING_MODEL: 'bench',
      EMBEDDING_DIMENSIONS: '384',
      INGEST_CONCURRENCY: '8',
    };
    const start = async (name: ServiceName) => {
      const service = cleanup.use(await startService(name, env));
      return { name, url: service.url, pid: pidOf(service.process) };
    };
    const gateway = await start('gateway');
    const [chatWorker, worker] = await Promise.all([start('chat-worker'), start('ingest-worker')]);
    return {
      url: gateway.url,
      model,
      chat: { name: 'sluice', url: `${gateway.url}/api/chat`, processes: [gateway, chatWorker, redis] },
      worker,
      redis,
      gateway,
      embeddings,
      [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
    };
  } catch (error) {
    await cleanup.disposeAsync();
    throw error;
  }
}
