import { readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Scenario, ScenarioContext } from '../scenario.ts';

const ROUNDS = 10;
const STREAMS = 20;

/**
 * Redis comes back without the end of its file, as after a power cut with `appendfsync everysec`; now and then a worker
 * dies with it. What was accepted may be lost, but every client is told, and whoever is told `done` has the whole.
 */
export const lostTail: Scenario = {
  name: 'lost tail',
  seconds: 300,
  world: { gateways: 2, workers: 2, fsync: 'everysec' },
  async run(context) {
    const { world, random, figures } = context;
    for (let i = 0; i < context.scaled(ROUNDS) && !context.isTimeOver; i += 1) {
      const streams = await context.askMany(STREAMS, () =>
        context.ask({ pieces: random.int(20, 120), everyMs: 50 }, { leaves: 1, deadlineMs: 120_000 }),
      );
      await delay(random.int(200, 3_000));
      const withWorkers = random.chance(0.5);
      const cut = await loseTail(context, async () => {
        if (!withWorkers) return;
        await world.workers.kill(random);
        await world.workers.kill(random);
      });
      figures.count('tails lost');
      figures.count('bytes of tails lost', cut);
      if (withWorkers) await world.workers.start(2);
      await context.check(
        streams,
        /^(done|failed (worker_lost|log_lost|unknown_cursor|not_found)|http (404 not_found|410 unknown_cursor))$/,
        'not the tail',
      );
    }
  },
};

/** Kills Redis, and whatever else is to die with it, cuts its file, and starts it again. Gives the bytes cut off. */
async function loseTail({ world, random }: ScenarioContext, alsoKill: () => Promise<void>): Promise<number> {
  const [, dir = ''] = (await world.control.config('GET', 'dir')) as string[];
  world.timeline.note('Redis: SIGKILL');
  await world.redis.kill();
  await alsoKill();
  const folder = join(dir, 'appendonlydir');
  const file = (await readdir(folder)).findLast((name) => name.endsWith('.incr.aof')) ?? '';
  const { size } = await stat(join(folder, file));
  const cut = Math.min(size - 1, random.int(200, 60_000));
  await truncate(join(folder, file), size - cut);
  await world.redis.restart();
  world.timeline.note(`Redis is back without the last ${cut} bytes`);
  return cut;
}
