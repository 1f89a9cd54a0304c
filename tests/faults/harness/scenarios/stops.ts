import { setTimeout as delay } from 'node:timers/promises';
import type { Scenario } from '../scenario.ts';
import { measureTakeovers } from './worker-kills.ts';

const ROUNDS = 100;
/** Longer than a job's lock lives, so that another worker takes over while the stopped one still has unsent tokens. */
const STOP_MS = [9_000, 14_000] as const;
const AT_ONCE = 2;

/** Workers are stopped and go on when another one has their jobs: what they still write must not count. */
export const stops: Scenario = {
  name: 'stops',
  seconds: 700,
  world: { gateways: 1, workers: 4, env: { CHAT_CONCURRENCY: '50' } },
  async run(context) {
    const { world, random, figures } = context;
    const ask = () =>
      context.ask({ pieces: 60, everyMs: random.int(20, 200) }, { raw: 0, deadlineMs: 150_000 });
    const rounds = context.scaled(ROUNDS);
    const streams = await context.whileAsking(16, ask, async () => {
      let begun = 0;
      const stopOne = async () => {
        while (begun < rounds && !context.isTimeOver) {
          begun += 1;
          const goOn = world.workers.stop(random);
          await delay(random.int(...STOP_MS));
          goOn();
          figures.count('SIGSTOP/CONT rounds');
          await delay(random.int(100, 2_000));
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, stopOne));
    });
    await context.check(streams, /^(done|failed worker_lost)$/);
    measureTakeovers(context, streams);
  },
};
