import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tabulate, tellResults } from './harness/report.ts';
import { runFaults } from './harness/run-faults.ts';
import { ALL_SCENARIOS } from './harness/scenarios/all.ts';

const SEED = Number(process.env['FAULT_SEED'] ?? 1);
/** Of the full numbers; `npm run test:faults` runs them all. */
const SCALE = 0.01;
const MINUTES = 1.5;

describe('faults, a short run', () => {
  it(`breaks no stream (seed ${SEED}; FAULT_SEED=n for another)`, async (t) => {
    const results = await runFaults({
      seed: SEED,
      scale: SCALE,
      minutes: MINUTES,
      mix: ALL_SCENARIOS,
      progress: (line) => t.diagnostic(line),
    });
    t.diagnostic(tabulate(results));
    assert.equal(results.flatMap(({ violations }) => violations).length, 0, tellResults(results, 3));
    for (const { name, figures } of results) assert.ok(figures.countOf('streams') > 0, `${name} did nothing`);
    const streams = results.reduce((sum, { figures }) => sum + figures.countOf('streams'), 0);
    assert.ok(streams >= 50, `${streams} streams were put to the test`);
  });
});
