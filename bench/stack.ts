import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildRedisArgs } from '../dev/local-redis.ts';
import { findFreePort } from '../dev/ports.ts';
import { findRedisServer } from '../dev/redis-binary.ts';
import { startService } from '../tests/helpers/process.ts';
import type { ServiceName } from '../tests/helpers/process.ts';
import { launchRedis } from '../tests/helpers/redis.ts';
import { endProcess, pidOf, startServer } from './processes.ts';
import type { BenchServer, Measured } from './processes.ts';

/** Something that answers `POST /api/chat`, and the processes that it costs. */
export interface Target {
  name: 'bare' | 'express' | 'sluice';
  url: string;
  processes: Measured[];
}

/** Everything that is measured, side by side, with one model for all. */
export interface BenchStack extends AsyncDisposable {
  model: BenchServer;
  bare: Target;
  express: Target & { holdUrl: string };
  sluice: Target;
}

/** Enough that neither a worker nor the backlog is what limits a run. */
const SLUICE_ENV = {
  CHAT_CONCURRENCY: '10000',
  CHAT_BACKLOG_LIMIT: '1000000',
  LOG_LEVEL: 'warn',
  // What ended a minute ago is in no figure, and need not fill the memory of a long run.
  LOG_RETENTION_SECONDS: '60',
  MODEL_TOKEN_TIMEOUT_MS: '600000',
  OPENAI_API_KEY: 'none',
  CHAT_MODEL: 'bench',
  TAKEOVER_PROMPT: 'prefill',
};

/** Starts the stack; with a folder for profiles, gateway and chat-worker write one there at their end. */
export async function startBenchStack(profileDir?: string): Promise<BenchStack> {
  const cleanup = new AsyncDisposableStack();
  try {
    const model = cleanup.use(await startServer('model', 'mock-model.ts'));
    const bare = cleanup.use(await startServer('bare', 'baselines/bare-sse.ts', [model.url]));
    const express = cleanup.use(await startServer('express', 'baselines/express-pipe.ts', [model.url]));
    const sluice = await startSluice(cleanup, model.url, profileDir);
    return {
      model,
      bare: { name: 'bare', url: `${bare.url}/api/chat`, processes: [bare] },
      express: {
        name: 'express',
        url: `${express.url}/api/chat`,
        holdUrl: `${express.url}/hold`,
        processes: [express],
      },
      sluice,
      [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
    };
  } catch (error) {
    await cleanup.disposeAsync();
    throw error;
  }
}

async function startSluice(
  cleanup: AsyncDisposableStack,
  modelUrl: string,
  profileDir: string | undefined,
): Promise<Target> {
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
  cleanup.defer(() => rm(dataDir, { recursive: true, force: true }));
  const redis = await startBenchRedis(cleanup, dataDir);
  const env = {
    ...SLUICE_ENV,
    DATA_DIR: dataDir,
    REDIS_URL: redis.url,
    OPENAI_BASE_URL: `${modelUrl}/v1`,
    ...(profileDir !== undefined && { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileDir}` }),
  };
  const start = async (name: ServiceName) => {
    const service = await startService(name, env);
    // A profile is written at an orderly end alone.
    cleanup.defer(async () => void (await service.stop(profileDir === undefined ? 'SIGKILL' : 'SIGTERM')));
    return { name, url: service.url, pid: pidOf(service.process) };
  };
  const worker = await start('chat-worker');
  const gateway = await start('gateway');
  return {
    name: 'sluice',
    url: `${gateway.url}/api/chat`,
    processes: [gateway, worker, { name: 'redis', pid: redis.pid }],
  };
}

/** Starts a Redis as `npm start` does, with its append-only file. */
export async function startBenchRedis(
  cleanup: AsyncDisposableStack,
  dir: string,
): Promise<{ url: string; pid: number }> {
  const binary = findRedisServer();
  if (!binary) throw new Error('No redis-server on the PATH: `npm test` installs one.');
  const port = await findFreePort();
  const child = await launchRedis(binary, buildRedisArgs({ port, dir }), port);
  cleanup.defer(() => endProcess(child));
  return { url: `redis://127.0.0.1:${port}`, pid: pidOf(child) };
}
