import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../../../helpers/poll.ts';
import { ReferenceReader } from '../reference.ts';
import type { Scenario } from '../scenario.ts';

const KILLS = 1_000;
const STREAMS = 20;
const GAP_TARGET_MS = 250;
/** Records logged so soon after a kill are those whose bell may not have been heard. */
const AFTER_KILL_MS = 500;

/** Every pub/sub connection is killed, again and again, while records come. */
export const pubsubKills: Scenario = {
  name: 'pub/sub kills',
  seconds: 420,
  world: { gateways: 2, workers: 1 },
  async run(context) {
    const { world, random, figures } = context;
    await using reference = new ReferenceReader(world);
    const kills: number[] = [];
    const ask = () => {
      const stream = context.ask({ pieces: 200, everyMs: 20 }, { leaves: 1, deadlineMs: 60_000 });
      void waitFor(() => stream.id(), { what: 'the id', timeoutMs: 60_000 }).then(
        (id) => reference.follow(id),
        () => {},
      );
      return stream;
    };
    const streams = await context.whileAsking(STREAMS, ask, async () => {
      await delay(500);
      const end = context.scaled(KILLS);
      while (kills.length < end && !context.isTimeOver) {
        const killed = await world.control.client('KILL', 'TYPE', 'pubsub');
        kills.push(world.timeline.note(`killed ${String(killed)} pub/sub connections`));
        figures.count('pub/sub kills');
        figures.count('pub/sub connections killed', Number(killed));
        await delay(random.int(50, 700));
      }
    });
    await context.check(streams, /^done$/);

    const worst = kills.map(() => 0);
    for (const stream of streams) {
      for (const { loggedAt, ms } of reference.delaysOf(stream)) {
        const kill = kills.findLastIndex((at) => at <= loggedAt);
        const isNear = kill !== -1 && loggedAt - (kills[kill] ?? 0) < AFTER_KILL_MS;
        if (isNear) worst[kill] = Math.max(worst[kill] ?? 0, ms);
      }
    }
    for (const ms of worst) {
      if (ms > 0) figures.time('gap filled', ms);
      if (ms > GAP_TARGET_MS) figures.count(`gaps of more than ${GAP_TARGET_MS} ms`);
    }
  },
};
