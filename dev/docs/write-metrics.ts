/** `npm run docs:metrics`: writes the tables of docs/operations/metrics.md from the metrics that the source declares. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPage, ROOT } from './pages.ts';
import { readMetrics } from './read-metrics.ts';
import { renderMetrics } from './render-metrics.ts';

const page = 'docs/operations/metrics.md';
writeFileSync(join(ROOT, page), renderMetrics(await readMetrics(), readPage(page)));
