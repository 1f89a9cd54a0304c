import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../../../helpers/poll.ts';
import type { Scenario } from '../scenario.ts';
import { tryToPost } from './redis-away.ts';

const ROUNDS = 10;
const STREAMS = 10;

/** Redis takes no write, because its memory is used up, and then does again. */
export const outOfMemory: Scenario = {
  name: 'Redis out of memory',
  seconds: 160,
  world: { gateways: 1, workers: 2 },
  async run(context) {
    const { world, random, figures } = context;
    const ask = () => context.ask({ pieces: 60, everyMs: 100 }, { deadlineMs: 120_000 });
    for (let i = 0; i < context.scaled(ROUNDS) && !context.isTimeOver; i += 1) {
      const streams = await context.askMany(STREAMS, ask);
      await waitFor(
        () => streams.every(({ observations }) => observations.every(({ seen }) => seen.length > 5)),
        {
          what: 'all streams to be under way',
          timeoutMs: 30_000,
        },
      );
      world.timeline.note('Redis: maxmemory 1');
      await world.control.config('SET', 'maxmemory', '1');
      figures.count('times out of memory');
      await tryToPost(context);
      await delay(random.int(500, 4_000));
      await world.control.config('SET', 'maxmemory', '0');
      const returned = world.timeline.note('Redis: maxmemory 0');
      await Promise.all(streams.map(({ ended }) => ended));
      for (const { observations } of streams) {
        const next = observations[0]?.seen.find(({ at }) => at > returned);
        if (next) figures.time('stream goes on with memory again', next.at - returned);
      }
      await context.check(streams, /^done$/);
    }
  },
};
