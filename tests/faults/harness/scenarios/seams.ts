import { waitFor } from '../../../helpers/poll.ts';
import type { Scenario } from '../scenario.ts';
import { measureTakeovers } from './worker-kills.ts';

const ROUNDS = 10;
const STREAMS = 12;

/** A worker is killed in the midst of answers that repeat themselves: what comes after the seam looks like what is before it. */
export const seams: Scenario = {
  name: 'seams',
  seconds: 200,
  world: { gateways: 1, workers: 2 },
  async run(context) {
    const { world, random, figures } = context;
    for (let i = 0; i < context.scaled(ROUNDS) && (i === 0 || !context.isTimeOver); i += 1) {
      const streams = await context.askMany(STREAMS, () =>
        context.ask({ pieces: 60, everyMs: 60, periodic: true }, { raw: 0, deadlineMs: 60_000 }),
      );
      const begun = () => streams.every(({ observations: [first] }) => (first?.seen.length ?? 0) > 10);
      await waitFor(begun, { what: 'all streams to be under way', timeoutMs: 30_000 });
      await world.workers.kill(random);
      figures.count('worker kills');
      await world.workers.start();
      await context.check(streams, /^done$/);
      measureTakeovers(context, streams);
    }
  },
};
