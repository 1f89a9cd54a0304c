import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tabulate, tellResults } from './harness/report.ts';
import { runFaults } from './harness/run-faults.ts';
import { ALL_SCENARIOS } from './harness/scenarios/all.ts';

const SEED = Number(process.env['FAULT_SEED'] ?? 1);
/** Of the full numbers; `npm run test:faults` runs them all. */
const SCALE = 0.01;
const MINUTES = 1.5;
/** Scenarios with findings that are not mended yet (docs/operations/faults.md); the long run has them. */
const OPEN_FINDINGS = new Set(['broken links to Redis', 'lost tail']);
const MIX = ALL_SCENARIOS.filter(({ name }) => !OPEN_FINDINGS.has(name));

describe('faults, a short run', () => {
  it(`breaks no stream (seed ${SEED}; FAULT_SEED=n for another)`, async (t) => {
    t.diagnostic(`LEFT OUT, with open findings: ${[...OPEN_FINDINGS].join(', ')}`);
    const results = await runFaults({
      seed: SEED,
      scale: SCALE,
      minutes: MINUTES,
      mix: MIX,
      progress: (line) => t.diagnostic(line),
    });
    t.diagnostic(tabulate(results));
    assert.equal(results.flatMap(({ violations }) => violations).length, 0, tellResults(results, 3));
    const streams = results.reduce((sum, { figures }) => sum + figures.countOf('streams'), 0);
    assert.ok(streams >= 50, `${streams} streams were put to the test`);
  });
});
