import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startFaultModel } from '../../helpers/fault-model.ts';
import type { FaultModel } from '../../helpers/fault-model.ts';
import { startRedis } from '../../helpers/redis.ts';
import type { TestRedis } from '../../helpers/redis.ts';
import { startTcpProxy } from '../../helpers/tcp-proxy.ts';
import type { TcpProxy } from '../../helpers/tcp-proxy.ts';
import { Fleet } from './fleet.ts';
import type { Random } from './random.ts';
import { Timeline } from './timeline.ts';

/** The whole product as real processes, with a proxy at each of its seams. */
export interface World extends AsyncDisposable {
  /** Base URL of the load balancer in front of the gateways. */
  url: string;
  redis: TestRedis;
  /** A connection past the proxies, that waits for Redis. */
  control: Redis;
  model: FaultModel;
  gateways: Fleet;
  workers: Fleet;
  proxies: {
    /** The load balancer: each connection goes to a gateway that runs. */
    front: TcpProxy;
    gatewayRedis: TcpProxy;
    workerRedis: TcpProxy;
    model: TcpProxy;
  };
  timeline: Timeline;
  random: Random;
}

/** What a world is made of. */
export interface WorldOptions {
  gateways?: number;
  workers?: number;
  /** Redis's `appendfsync`; `always` unless given, so that what was acknowledged is kept. */
  fsync?: 'always' | 'everysec';
  env?: Record<string, string>;
}

/** Starts a world and waits until all of it is ready. */
export async function startWorld(random: Random, options: WorldOptions = {}): Promise<World> {
  const cleanup = new AsyncDisposableStack();
  try {
    return await startInto(cleanup, random, options);
  } catch (error) {
    await cleanup.disposeAsync();
    throw error;
  }
}

async function startInto(
  cleanup: AsyncDisposableStack,
  random: Random,
  { gateways = 2, workers = 2, fsync = 'always', env = {} }: WorldOptions,
): Promise<World> {
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-faults-'));
  cleanup.defer(() => rm(dataDir, { recursive: true, force: true }));
  const redis = cleanup.use(await startRedis({ appendonly: true, args: ['--appendfsync', fsync] }));
  const control = new Redis(redis.url, { maxRetriesPerRequest: null, retryStrategy: () => 50 });
  control.on('error', () => {});
  cleanup.defer(() => control.disconnect());
  const model = cleanup.use(await startFaultModel());
  const startProxy = async (target: () => number | undefined) =>
    cleanup.use(await startTcpProxy(target, random.next));
  const gatewayRedis = await startProxy(() => redis.port);
  const workerRedis = await startProxy(() => redis.port);
  const modelProxy = await startProxy(() => model.port);

  const timeline = new Timeline();
  const common = {
    DATA_DIR: dataDir,
    OPENAI_BASE_URL: `http://127.0.0.1:${modelProxy.port}/v1`,
    OPENAI_API_KEY: 'faults',
    CHAT_MODEL: 'faults',
    TAKEOVER_PROMPT: 'prefill',
    ...env,
  };
  const urlOf = ({ port }: TcpProxy) => `redis://127.0.0.1:${port}`;
  const gatewayFleet = cleanup.use(
    new Fleet('gateway', { ...common, REDIS_URL: urlOf(gatewayRedis) }, timeline),
  );
  const workerFleet = cleanup.use(
    new Fleet('chat-worker', { ...common, REDIS_URL: urlOf(workerRedis) }, timeline),
  );
  let turn = 0;
  const front = await startProxy(() => {
    const { running } = gatewayFleet;
    return running[turn++ % running.length]?.port;
  });
  await Promise.all([gatewayFleet.start(gateways), workerFleet.start(workers)]);
  return {
    url: `http://127.0.0.1:${front.port}`,
    redis,
    control,
    model,
    gateways: gatewayFleet,
    workers: workerFleet,
    proxies: { front, gatewayRedis, workerRedis, model: modelProxy },
    timeline,
    random,
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  };
}
