import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { OpsSnapshot } from '@sluice/shared/contracts/ops';
import { createLogger } from '@sluice/shared/logger';
import { createCollector } from './collector.ts';

function scripted(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let looks = 0;
  const collector = createCollector(
    async () => {
      looks += 1;
      if (looks === 2) throw new Error('Redis is away');
      return { at: String(looks) } as OpsSnapshot;
    },
    createLogger({ service: 'test', level: 'silent' }),
  );
  const pass = async (ms: number) => {
    t.mock.timers.tick(ms);
    await turn();
  };
  return { collector, pass, looks: () => looks };
}

describe('the collector', () => {
  it('looks once for all viewers, and not at all when the last one has gone', async (t) => {
    // Snapshots are shared for a second of real time; here every turn is to be a look of its own.
    t.mock.method(performance, 'now', () => (clock += 1_001));
    let clock = 0;
    const { collector, pass, looks } = scripted(t);
    const stop = new AbortController();
    const viewers = [1, 2, 3].map(() => collector.watch(stop.signal));
    const next = () => Promise.all(viewers.map(async (viewer) => (await viewer.next()).value));
    const at = (value: string) => ({ snapshot: { at: value } });
    assert.deepEqual(await next(), [at('1'), at('1'), at('1')]);
    assert.equal(looks(), 1);

    const waiting = next();
    await pass(2_000);
    for (const tick of await waiting) assert.match(String((tick as { error: Error }).error), /Redis is away/);
    assert.equal(looks(), 2, 'a failure is told to all and ends nothing');

    // Two turns pass before anybody takes one: the first of them is gone.
    await pass(2_000);
    await pass(2_000);
    assert.deepEqual(await next(), [at('4'), at('4'), at('4')]);

    stop.abort();
    for (const viewer of viewers) assert.equal((await viewer.next()).done, true);
    await pass(60_000);
    assert.equal(looks(), 4);

    const back = collector.watch(new AbortController().signal);
    assert.deepEqual((await back.next()).value, at('5'), 'who comes later gets nothing stale');
    await back.return();
  });

  it('shares one look among those who ask at the same time', async (t) => {
    const { collector, looks } = scripted(t);
    const [one, two] = await Promise.all([collector.snapshot(), collector.snapshot()]);
    assert.equal(one, two);
    assert.equal(looks(), 1);
  });
});
