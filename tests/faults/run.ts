/**
 * `npm run test:faults -- --seed N --minutes M [--scale 0.1] [--only "pub/sub kills"]`: the fault scenarios at full
 * scale. Ends with exit code 1 when anything was violated.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { tabulate, tellResults } from './harness/report.ts';
import { runFaults } from './harness/run-faults.ts';
import { ALL_SCENARIOS } from './harness/scenarios/all.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    minutes: { type: 'string' },
    scale: { type: 'string', default: '1' },
    only: { type: 'string', multiple: true },
    stories: { type: 'string', default: '5' },
    out: { type: 'string' },
  },
});
const mix = ALL_SCENARIOS.filter(({ name }) => values.only === undefined || values.only.includes(name));
if (mix.length === 0) {
  console.error(`No such scenario. There are: ${ALL_SCENARIOS.map(({ name }) => name).join(', ')}.`);
  process.exit(2);
}
const results = await runFaults({
  seed: Number(values.seed),
  scale: Number(values.scale),
  ...(values.minutes !== undefined && { minutes: Number(values.minutes) }),
  mix,
  progress: (line) => console.log(line),
});
const report = `${tellResults(results, Number(values.stories))}\n\nseed ${values.seed}\n${tabulate(results)}\n`;
console.log(report);
if (values.out !== undefined) await writeFile(values.out, report);
process.exit(results.some(({ violations }) => violations.length > 0) ? 1 : 0);
