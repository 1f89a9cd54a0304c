import { setTimeout as delay } from 'node:timers/promises';
import type { ScenarioContext, Scenario } from '../scenario.ts';
import type { Watched } from '../watchers.ts';

const KILLS = 200;
const WORKERS = 4;

/** Workers are killed in the midst of answers and replaced; the answers go on elsewhere. */
export const workerKills: Scenario = {
  name: 'worker kills',
  seconds: 900,
  world: { gateways: 1, workers: WORKERS, env: { CHAT_CONCURRENCY: '50' } },
  async run(context) {
    const { world, random, figures } = context;
    const ask = () =>
      context.ask({ pieces: 30, everyMs: random.int(50, 200) }, { raw: 0, deadlineMs: 120_000 });
    const streams = await context.whileAsking(24, ask, async () => {
      for (let kills = 0; kills < context.scaled(KILLS) && !context.isTimeOver; kills += 1) {
        await delay(random.int(500, 5_000));
        await world.workers.kill(random);
        figures.count('worker kills');
        await world.workers.start();
      }
    });
    // Three lost workers make a job poison.
    await context.check(streams, /^(done|failed worker_lost)$/);
    measureTakeovers(context, streams);
  },
};

/** Notes for how long each taken-over answer stood still, as its clients saw it: the kill came after its last record. */
export function measureTakeovers({ figures }: ScenarioContext, streams: readonly Watched[]): void {
  for (const { observations } of streams) {
    const [{ seen } = { seen: [] }] = observations;
    for (const [i, { type, id, at }] of seen.entries()) {
      const before = seen[i - 1];
      if (!before || (type !== 'continued' && type !== 'reset')) continue;
      const workersLost = Number.parseInt(id) - Number.parseInt(before.id);
      // A worker that was lost before it wrote anything adds a takeover of its own to the pause.
      figures.time('takeover', (at - before.at) / workersLost);
      figures.count('takeovers');
    }
  }
}
