import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { checkContent, documentTypeOf } from '@sluice/shared/document-type';
import { DocumentError } from '@sluice/shared/errors';
import type { ExtractedDocument } from '../../services/ingest-worker/src/extract/document.ts';
import {
  createExtractor,
  type ExtractionReport,
  type Extractor,
} from '../../services/ingest-worker/src/extract/pool.ts';

interface Expectation {
  outcome: 'ready' | 'failed' | 'rejected' | 'failed-or-partial';
  error?: string;
  pages?: number;
  encoding?: string;
  must_contain?: string[];
  must_not_contain?: string[];
  nice_to_have?: string[];
  max_seconds?: number;
  max_rss_mb?: number;
}

interface CorpusFile {
  file: string;
  expect: Expectation;
}

/** What became of a file, by the stage that decided it. */
type Result =
  | { stage: 'ready'; document: ExtractedDocument }
  | { stage: 'rejected' | 'failed'; code: string };

const CORPUS = join(import.meta.dirname, '../../../shared/corpus');

/** Decided before the content is looked at. */
const SKIPPED: Record<string, string> = {
  'too-big-12MB.pdf':
    'its size is refused by the gateway while it receives the upload, not by type check or extractor',
};

if (existsSync(join(CORPUS, 'index.json'))) {
  checkCorpus();
} else {
  const reason = `NO CORPUS CHECKED: ${CORPUS} is not there`;
  console.warn(reason);
  test('corpus', { skip: reason }, () => undefined);
}

function checkCorpus(): void {
  const { files } = JSON.parse(readFileSync(join(CORPUS, 'index.json'), 'utf8')) as { files: CorpusFile[] };
  let report: ExtractionReport | undefined;
  // The limits that the ingest worker has by default would hide how much a file takes.
  const limits = { timeoutMs: 120_000, heapMb: 1024, rssMb: 1500, concurrency: 1 };

  describe('corpus', () => {
    for (const { file, expect } of files) {
      test(file, { skip: SKIPPED[file] ?? false }, async (t) => {
        // A process of its own for each file, so that its peak memory is this file's.
        await using extractor = createExtractor({ ...limits, onSettled: (settled) => (report = settled) });
        report = undefined;
        const result = await ingest(join(CORPUS, file), extractor);
        if (report) t.diagnostic(describeCosts(report));
        checkOutcome(result, expect);
        if (report) checkCosts(report, expect);
        if (result.stage === 'ready') checkDocument(result.document, expect);
      });
    }
    after(() => console.log(`corpus: ${files.length} files`));
  });
}

async function ingest(path: string, extractor: Extractor): Promise<Result> {
  let stage: 'rejected' | 'failed' = 'rejected';
  try {
    const type = documentTypeOf(path);
    await checkContent(type, path);
    stage = 'failed';
    return { stage: 'ready', document: await extractor.extract(path, type) };
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    assert.match(error.message, /^[A-Z].*\.$/, 'the message is a sentence');
    return { stage, code: error.code };
  }
}

function checkOutcome(result: Result, expect: Expectation): void {
  const wanted =
    expect.outcome === 'failed-or-partial' && result.stage === 'ready' ? 'ready' : expect.outcome;
  if (wanted === 'ready') {
    assert.equal(result.stage, 'ready', JSON.stringify(result));
    return;
  }
  assert.notEqual(result.stage, 'ready');
  assert.equal('code' in result && result.code, expect.error);
  // An empty file is refused at the door already, which the index counts as failed too.
  if (wanted === 'rejected') assert.equal(result.stage, 'rejected');
}

function checkDocument(document: ExtractedDocument, expect: Expectation): void {
  const text = squeeze(document.text);
  for (const phrase of [...(expect.must_contain ?? []), ...(expect.nice_to_have ?? [])]) {
    assert.ok(text.includes(squeeze(phrase)), `the text contains "${phrase}"`);
  }
  for (const phrase of expect.must_not_contain ?? []) assert.ok(!text.includes(squeeze(phrase)), phrase);
  if (expect.pages !== undefined) assert.equal(document.pageCount, expect.pages);
  if (expect.encoding !== undefined) assert.equal(document.encoding, expect.encoding);
  assert.equal(document.text, document.text.normalize('NFC'));
  assert.doesNotMatch(document.text, /[^\P{Cc}\t\n]/u);
  checkSpans(document);
}

function checkSpans({ text, pages }: ExtractedDocument): void {
  let end: number | undefined;
  for (const span of pages) {
    if (end !== undefined) assert.equal(text.slice(end, span.start), '\n\n');
    assert.ok(span.end > span.start);
    end = span.end;
  }
  if (pages.length > 0) assert.deepEqual([pages[0]?.start, end], [0, text.length]);
}

function checkCosts(report: ExtractionReport, expect: Expectation): void {
  assert.equal(report.attempts, 1);
  const { elapsedMs = Infinity, peakRss = Infinity } = report;
  if (expect.max_seconds !== undefined)
    assert.ok(elapsedMs <= expect.max_seconds * 1000, describeCosts(report));
  if (expect.max_rss_mb !== undefined) assert.ok(peakRss <= expect.max_rss_mb * 1e6, describeCosts(report));
}

function describeCosts({ elapsedMs, peakRss, outcome }: ExtractionReport): string {
  return `${outcome} in ${elapsedMs?.toFixed(0)} ms, peak ${((peakRss ?? 0) / 1e6).toFixed(0)} MB`;
}

/** Without white space, so that line breaks of the layout do not matter. */
function squeeze(text: string): string {
  return text.replace(/\s+/g, '');
}
