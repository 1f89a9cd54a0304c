import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';
import { serviceNameSchema } from '../contracts/ops.ts';
import type { ServiceName } from '../contracts/ops.ts';
import type { Logger } from '../logger.ts';
import { SLUICE_VERSION } from '../metrics/registry.ts';
import type { RedisClient } from '../redis/connection.ts';
import { heartbeatsKey, heartbeatTimesKey } from '../redis/keys.ts';
import { createVitals, vitalsSchema } from './vitals.ts';
import { createUsageCounter } from './usage.ts';

const BEAT_LUA = readFileSync(new URL('./beat.lua', import.meta.url), 'utf8');

/** Between two beats of a process, while there are few. */
const INTERVAL_MS = 2_000;
/** All processes together beat 500 times a second at most: where there are thousands, each beats less often. */
const INTERVAL_PER_PROCESS_MS = 2;
/** Beats that may be missing until a process counts as lost, and the least time that it takes. */
const MISSED_BEATS = 5;
/** How long a process that was lost is remembered. */
const KEEP_MS = 600_000;
/** Heartbeats of one read: each is about a kilobyte. */
const PAGE = 500;

const heartbeatSchema = z.object({
  service: serviceNameSchema,
  id: z.string(),
  version: z.string(),
  host: z.string(),
  pid: z.int(),
  started_at: z.string(),
  interval_ms: z.number(),
  ...vitalsSchema.shape,
});

/** A process as it last told of itself. */
export type SeenProcess = z.infer<typeof heartbeatSchema> & {
  /** Since then. */
  ageMs: number;
  /** It has missed five beats and has not said goodbye. */
  isLost: boolean;
};

interface BeatCommand {
  sluiceBeat(hash: string, times: string, id: string, json: string, keepMs: number): Promise<number>;
}

/** What a process tells of itself for as long as it lives. */
export interface Heartbeat extends AsyncDisposable {
  /** Tells at once that the process drains. */
  drain(): void;
}

/**
 * Tells Redis every 2 seconds that this process lives and how it fares, until it is disposed, which says goodbye. While
 * Redis is away it tells nothing, waits for nothing, and keeps nothing up.
 *
 * @param options.redis role `commands`
 */
export function startHeartbeat(options: {
  redis: RedisClient;
  service: ServiceName;
  logger: Logger;
}): Heartbeat {
  const { redis, service, logger } = options;
  redis.defineCommand('sluiceBeat', { numberOfKeys: 2, lua: BEAT_LUA });
  const commands = redis as RedisClient & BeatCommand;
  const self = {
    service,
    id: `${service}-${randomBytes(6).toString('hex')}`,
    version: SLUICE_VERSION,
    host: hostname(),
    pid: process.pid,
    started_at: new Date(performance.timeOrigin).toISOString(),
  };
  const vitals = createVitals();
  const usage = createUsageCounter(redis);
  let intervalMs = INTERVAL_MS;
  let isDraining = false;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;

  const beat = async () => {
    const now = await vitals.take();
    const told = { ...self, interval_ms: intervalMs, ...now.vitals, draining: isDraining };
    const processes = await commands.sluiceBeat(
      heartbeatsKey,
      heartbeatTimesKey,
      self.id,
      JSON.stringify(told),
      KEEP_MS,
    );
    intervalMs = Math.max(INTERVAL_MS, processes * INTERVAL_PER_PROCESS_MS);
    await usage.add(now.totals);
  };
  const run = () => {
    clearTimeout(timer);
    // A beat after the goodbye would be one of a process that is lost.
    if (isStopped) return;
    running ??= beat()
      .catch((error: unknown) => logger.debug({ err: error }, 'heartbeat: skipped'))
      .finally(() => {
        running = undefined;
        // Processes that started together need not beat together.
        if (!isStopped) timer = setTimeout(run, intervalMs * (0.9 + Math.random() * 0.2)).unref();
      });
  };
  run();

  return {
    drain() {
      isDraining = true;
      void (running ?? Promise.resolve()).then(run);
    },
    async [Symbol.asyncDispose]() {
      isStopped = true;
      clearTimeout(timer);
      await running;
      vitals.stop();
      await redis
        .multi()
        .hdel(heartbeatsKey, self.id)
        .zrem(heartbeatTimesKey, self.id)
        .exec()
        .catch((error: unknown) => logger.debug({ err: error }, 'heartbeat: no goodbye'));
    },
  };
}

/**
 * Reads what all processes told last, those that were lost within ten minutes too. What a process of another version tells
 * and this one cannot read is left out.
 */
export async function readHeartbeats(redis: RedisClient): Promise<SeenProcess[]> {
  const [seconds, micros] = await redis.time();
  const now = Number(seconds) * 1_000 + Number(micros) / 1_000;
  // All at once: pages of what moves while it is read would miss some.
  const flat = await redis.zrange(heartbeatTimesKey, 0, -1, 'WITHSCORES');
  const beats = chunk(flat, 2).map(([id = '', at]) => ({ id, at: Number(at) }));
  const seen: SeenProcess[] = [];
  for (const page of chunk(beats, PAGE)) {
    const jsons = await redis.hmget(heartbeatsKey, ...page.map(({ id }) => id));
    for (const [index, json] of jsons.entries()) {
      const told = json === null ? undefined : heartbeatSchema.safeParse(JSON.parse(json)).data;
      const ageMs = Math.max(0, now - (page[index]?.at ?? 0));
      if (told) seen.push({ ...told, ageMs, isLost: ageMs > MISSED_BEATS * told.interval_ms });
    }
  }
  return seen;
}

function chunk<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}
