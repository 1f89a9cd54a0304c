/**
 * `npm run eval [-- data set …] [--out file] [--keep]`: measures how well the right passages are found, by meaning, by
 * words and fused, on the way that documents and questions really take. Prints one table and writes JSON; ends with 1
 * when a figure is worse than the one kept in `kept.json`, which `--keep` replaces.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { loadOrExit } from '@sluice/shared/lifecycle';
import { createLogger } from '@sluice/shared/logger';
import { loadConfig } from './config.ts';
import { DATASETS } from './datasets.ts';
import { acquireEnvironment } from './environment.ts';
import { evaluate } from './evaluate.ts';
import { findRegressions, keepFigures } from './kept.ts';
import type { Report } from './kept.ts';
import { formatTable } from './table.ts';

const ROOT = dirname(import.meta.dirname);
const ALL = Object.values(DATASETS).flat();

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string' }, keep: { type: 'boolean', default: false } },
});
const names = positionals.length > 0 ? positionals : ALL;
const unknown = names.filter((name) => !ALL.includes(name));
if (unknown.length > 0) {
  console.error(`No data set is called ${unknown.join(', ')}; there are ${ALL.join(', ')}.`);
  process.exit(2);
}

const config = loadOrExit(() => loadConfig());
const logger = createLogger({ service: 'eval', level: 'warn' });
const datasets = resolve(ROOT, config.EVAL_DATASETS ?? '../shared/datasets');
const chunking = { size: config.CHUNK_SIZE, overlap: config.CHUNK_OVERLAP };

await using stack = new AsyncDisposableStack();
const environment = await acquireEnvironment(stack, config, logger);
const reports: Report[] = [];
for (const name of names) {
  process.stderr.write(`${name}\n`);
  const found = await evaluate(environment, name, datasets, chunking);
  if (found.length === 0) console.error(`  left out: it is not in ${datasets}`);
  reports.push(...found);
}
console.log(formatTable(reports));

const date = new Date().toISOString();
const out = values.out ?? join(import.meta.dirname, 'results', `${date.replaceAll(':', '-')}.json`);
mkdirSync(dirname(out), { recursive: true });
writeFileSync(
  out,
  `${JSON.stringify({ date, node: process.version, embedding: environment.embedding, chunking, reports }, undefined, 2)}\n`,
);
console.log(`\nWritten to ${out}`);

if (values.keep) keepFigures(reports);
const regressions = findRegressions(reports);
for (const regression of regressions) console.error(`Worse: ${regression}`);
if (regressions.length > 0) process.exitCode = 1;
