/**
 * `npm run size -- --streams 5000`: what an installation needs, as docs/operations/sizing.md computes it, with numbers of your
 * own. `npm run docs:sizing` writes the page's tables.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DEFAULT_LOAD } from './sizing/arithmetic.ts';
import type { Load } from './sizing/arithmetic.ts';
import { fillPage, renderLoads, renderVectors } from './sizing/render.ts';

const PAGE = join(import.meta.dirname, '../docs/operations/sizing.md');

/** The options of the command line, and what they change. */
const OPTIONS = {
  streams: 'streams',
  'events-per-second': 'eventsPerSecond',
  'events-per-answer': 'eventsPerAnswer',
  retention: 'retentionSeconds',
  'mean-share': 'meanShare',
  utilization: 'utilization',
  'redis-bytes': 'redisBytes',
} as const satisfies Record<string, keyof Load>;

const { values } = parseArgs({
  options: {
    ...Object.fromEntries(Object.keys(OPTIONS).map((name) => [name, { type: 'string' as const }])),
    chunks: { type: 'string' },
    dimensions: { type: 'string', default: '1536' },
    'write-page': { type: 'boolean' },
  },
});

if (values['write-page'] === true) {
  writeFileSync(PAGE, fillPage(readFileSync(PAGE, 'utf8')));
} else {
  const load = { ...DEFAULT_LOAD };
  for (const [option, field] of Object.entries(OPTIONS)) {
    const given = (values as Record<string, string | undefined>)[option];
    if (given !== undefined) load[field] = readNumber(option, given);
  }
  process.stdout.write(`${renderLoads([load])}\n`);
  if (values.chunks !== undefined)
    process.stdout.write(
      `\n${renderVectors([readNumber('chunks', values.chunks)], [readNumber('dimensions', values.dimensions)])}\n`,
    );
}

function readNumber(option: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  process.stderr.write(`--${option} must be a number above 0, not ${text}.\n`);
  process.exit(1);
}
