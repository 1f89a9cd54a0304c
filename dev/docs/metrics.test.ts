import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findFiles, readPage } from './pages.ts';
import { readMetrics, SECTIONS } from './read-metrics.ts';
import { renderMetrics } from './render-metrics.ts';

const PAGE = 'docs/operations/metrics.md';

describe(PAGE, () => {
  it('has the metrics that the source declares', async () => {
    const page = readPage(PAGE);
    const message = `${PAGE} has other metrics than the source: run \`npm run docs:metrics\` and commit it.`;
    assert.equal(page, renderMetrics(await readMetrics(), page), message);
  });

  it('is read from every file that declares some', () => {
    const declaring = findFiles('.ts').filter(
      (file) =>
        /^(?:shared|services)\//.test(file) &&
        /\bnew (?:Counter|Gauge|Histogram|Summary)\b/.test(readPage(file)),
    );
    const known = SECTIONS.flatMap(({ files }) => files);
    assert.deepEqual(declaring, [...known].sort(), 'Add the file to SECTIONS in dev/docs/read-metrics.ts.');
  });

  it('names no metric that is not there', async () => {
    const names = new Set((await readMetrics()).flatMap(({ metrics }) => metrics.map(({ name }) => name)));
    const named = [...readPage(PAGE).matchAll(/`((?:sluice|gen_ai_client|http_server)_\w+)/g)].map(
      ([, name]) => name!,
    );
    assert.deepEqual(
      named.filter((name) => !names.has(name)),
      [],
    );
  });
});
