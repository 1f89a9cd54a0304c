import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import type { RunEnvironment } from './environment.ts';
import { buildRedisArgs, probeRedis } from './local-redis.ts';
import type { ProcessSpec } from './managed-process.ts';
import type { Layer } from './stack.ts';

/** The services' own default of DRAIN_TIMEOUT_MS. */
const DRAIN_TIMEOUT_MS = 25_000;
/** What a service may take on top of its own deadline for draining. */
const GRACE_BEYOND_DRAIN_MS = 5_000;
const MODEL_GRACE_MS = 5_000;
/** Redis writes out and syncs its append-only file before it ends. */
const REDIS_GRACE_MS = 20_000;
const PROBE_TIMEOUT_MS = 2_000;

/**
 * Describes every process of a run, in layers: Redis, then the offline model, then the workers, then the gateway.
 *
 * @param redisServer the path of redis-server; undefined when this run does not start one
 */
export function describeLayers(plan: RunEnvironment, root: string, redisServer: string | undefined): Layer[] {
  const { chatWorker, ingestWorker } = plan.healthPorts;
  const models = plan.offlineModelPort ? [describeModel(plan, root, plan.offlineModelPort)] : [];
  const redis = redisServer && plan.redisPort ? [describeRedis(plan, redisServer, plan.redisPort)] : [];
  const gatewayHost = plan.host === '0.0.0.0' || plan.host === '::' ? '127.0.0.1' : plan.host;
  return [
    { specs: redis, isAwaited: true },
    { specs: models, isAwaited: false },
    {
      specs: [
        describeService(plan, root, 'chat-worker', '127.0.0.1', chatWorker, {
          HEALTH_PORT: String(chatWorker),
        }),
        describeService(plan, root, 'ingest-worker', '127.0.0.1', ingestWorker, {
          HEALTH_PORT: String(ingestWorker),
        }),
      ],
      isAwaited: false,
    },
    { specs: [describeService(plan, root, 'gateway', gatewayHost, plan.port, {})], isAwaited: false },
  ];
}

function describeRedis(plan: RunEnvironment, redisServer: string, port: number): ProcessSpec {
  const dir = join(plan.dataDir, 'redis');
  mkdirSync(dir, { recursive: true });
  return {
    name: 'redis',
    command: redisServer,
    args: buildRedisArgs({ port, dir }),
    env: plan.variables,
    graceMs: REDIS_GRACE_MS,
    probe: () => probeRedis(port),
    isQuiet: true,
  };
}

function describeModel(plan: RunEnvironment, root: string, port: number): ProcessSpec {
  return {
    name: 'offline-model',
    command: process.execPath,
    args: [join(root, 'dev', 'offline-model', 'main.ts')],
    env: {
      ...plan.variables,
      HOST: '127.0.0.1',
      PORT: String(port),
      OFFLINE_EMBEDDING_DIMENSIONS: plan.offlineDimensions,
    },
    graceMs: MODEL_GRACE_MS,
    probe: () => probeHttp(`http://127.0.0.1:${port}/healthz`),
  };
}

function describeService(
  plan: RunEnvironment,
  root: string,
  name: string,
  host: string,
  port: number,
  extra: NodeJS.ProcessEnv,
): ProcessSpec {
  return {
    name,
    command: process.execPath,
    args: [join(root, 'services', name, 'src', 'main.ts')],
    env: { ...plan.variables, ...extra },
    graceMs: (Number(plan.variables['DRAIN_TIMEOUT_MS']) || DRAIN_TIMEOUT_MS) + GRACE_BEYOND_DRAIN_MS,
    probe: () => probeHttp(`http://${host.includes(':') ? `[${host}]` : host}:${port}/readyz`),
  };
}

/** Asks for a health page: undefined when it answers 200, else what is missing. */
export async function probeHttp(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, {
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    const body = await response.text();
    return response.ok ? undefined : `${url} answers ${response.status}: ${body.slice(0, 300)}`;
  } catch {
    return `${url} does not answer`;
  }
}
