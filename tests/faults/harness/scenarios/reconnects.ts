import { setTimeout as delay } from 'node:timers/promises';
import type { Scenario } from '../scenario.ts';

const STREAMS = 1_000;
/** Of each stream's reader; the clients of the package are thrown out by the load balancer instead. */
const LEAVES = 5;
const WAVES = 4;

/**
 * Readers leave at random and come back to any gateway, and read late; connections are reset, half-closed, cut in the
 * midst of a character, delayed, throttled; gateways are killed and stopped.
 */
export const reconnects: Scenario = {
  name: 'reconnects',
  seconds: 150,
  world: { gateways: 2, workers: 2, env: { CHAT_CONCURRENCY: '1000' } },
  async run(context) {
    const { world, random, figures } = context;
    const { front } = world.proxies;
    const faults: Record<string, () => Promise<void>> = {
      reset: async () => figures.count('connections reset', front.reset(random.next, 0.3)),
      'half-close': async () => figures.count('connections half-closed', front.halfClose()),
      cut: async () => front.set({ kind: 'cut', bytes: random.int(500, 3_000) }),
      split: async () => front.set({ kind: 'split', bytes: random.int(1, 7) }),
      delay: async () => front.set({ kind: 'delay', ms: random.int(10, 100), jitterMs: 100 }),
      throttle: async () => front.set({ kind: 'throttle', bytesPerSecond: random.int(2_000, 20_000) }),
      'kill a gateway': async () => {
        await world.gateways.kill(random);
        figures.count('gateway kills');
        await world.gateways.start();
      },
      'stop a gateway': async () => {
        const goOn = world.gateways.stop(random);
        figures.count('gateway SIGSTOP/CONT rounds');
        await delay(random.int(500, 3_000));
        goOn();
      },
    };
    for (let wave = 0; wave < WAVES && !context.isTimeOver; wave += 1) {
      const asked = await context.askMany(Math.ceil(context.scaled(STREAMS) / WAVES), () =>
        context.ask({ pieces: 40, everyMs: 200 }, { leaves: LEAVES, pauseMs: 2_000, deadlineMs: 120_000 }),
      );
      let areOver = false;
      const ended = Promise.all(asked.map((stream) => stream.ended)).then(() => (areOver = true));
      while (!areOver) {
        const fault = random.pick(Object.keys(faults));
        world.timeline.note(`front: ${fault}`);
        await faults[fault]?.();
        await Promise.race([delay(random.int(200, 1_500)), ended]);
        front.set({ kind: 'pass' });
      }
      await context.check(asked, /^done$/);
    }
  },
};
