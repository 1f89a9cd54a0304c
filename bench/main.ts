/**
 * `npm run bench [-- name …] [--runs N] [--out file] [--profile folder]`: measures Sluice beside what one would use
 * instead, prints one table and writes JSON.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureIdle } from './measures/idle.ts';
import { measureIngest } from './measures/ingest.ts';
import { measureJobs } from './measures/jobs.ts';
import { measureLog } from './measures/log.ts';
import { measurePaced } from './measures/paced.ts';
import { measureSaturation } from './measures/saturation.ts';
import { readProfiles } from './profile.ts';
import { formatTable } from './report.ts';
import type { Report } from './report.ts';
import { startBenchStack } from './stack.ts';
import type { BenchStack } from './stack.ts';

const MEASURES: Record<string, (stack: BenchStack, runs: number) => Promise<Report>> = {
  paced: measurePaced,
  saturation: measureSaturation,
  jobs: measureJobs,
  idle: measureIdle,
  log: (_, runs) => measureLog(runs),
  ingest: measureIngest,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '3' },
    out: { type: 'string' },
    profile: { type: 'string' },
  },
});
const names = positionals.length > 0 ? positionals : Object.keys(MEASURES);
const unknown = names.filter((name) => !(name in MEASURES));
if (unknown.length > 0) {
  console.error(`No measure is called ${unknown.join(', ')}; there are ${Object.keys(MEASURES).join(', ')}.`);
  process.exit(2);
}

const reports: Report[] = [];
for (const name of names) {
  process.stderr.write(`${name}\n`);
  // A stack of its own: what one measure leaves behind is no load on the next.
  await using stack = await startBenchStack(values.profile);
  const report = await MEASURES[name]?.(stack, Number(values.runs));
  if (report) reports.push(report);
}
console.log(formatTable(reports.flatMap((report) => report.rows)));

const out =
  values.out ?? join(import.meta.dirname, 'results', `${new Date().toISOString().replaceAll(':', '-')}.json`);
mkdirSync(dirname(out), { recursive: true });
const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
writeFileSync(out, `${JSON.stringify({ date: new Date().toISOString(), machine, reports }, undefined, 2)}\n`);
console.log(`\nWritten to ${out}`);

if (values.profile !== undefined) {
  for (const { file, functions } of readProfiles(values.profile)) {
    console.log(`\n${file}`);
    for (const { share, where } of functions)
      console.log(`${(share * 100).toFixed(1).padStart(5)} %  ${where}`);
  }
}
