import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { textAt, writePdf } from '../../../../tests/helpers/pdf.ts';
import { drawText } from '../../../../tests/helpers/scan.ts';
import { checkOcrTools } from './ocr-tools.ts';
import { withOcr } from './ocr.ts';
import { createExtractor } from './pool.ts';
import { runTool } from './run-tool.ts';

const LIMITS = { timeoutMs: 60_000, heapMb: 256, rssMb: 600 };
const OPTIONS = { ...LIMITS, languages: 'eng', maxPages: 5 };
const folder = mkdtempSync(join(tmpdir(), 'ocr-'));
after(() => rmSync(folder, { recursive: true }));

function save(name: string, pages: string[]): string {
  const path = join(folder, name);
  writeFileSync(path, writePdf({ pages }));
  return path;
}

const absent = await checkOcrTools('eng').then(
  () => false as const,
  (error: Error) => `NO TEXT RECOGNITION TESTED: ${error.message}`,
);
if (absent) console.warn(absent);

describe('text recognition', { skip: absent }, () => {
  const scan = [drawText('LIGHTHOUSE KEEPERS', 'WIND THE CLOCK'), '', drawText('PAGE THREE')];

  test('reads the pages that hold no text, and keeps those that do', async () => {
    await using extractor = withOcr(createExtractor({ ...LIMITS, concurrency: 1 }), OPTIONS);
    const scanned = await extractor.extract(save('scan.pdf', scan), 'pdf');
    assert.match(scanned.text, /LIGHTHOUSE KEEPERS\s+WIND THE CLOCK\n\nPAGE THREE/);
    assert.equal(scanned.pageCount, 3);
    assert.deepEqual(
      scanned.pages.map(({ page, start, end }) => [page, scanned.text.slice(start, end).split(' ')[0]]),
      [
        [1, 'LIGHTHOUSE'],
        [3, 'PAGE'],
      ],
    );
    const mixed = save('mixed.pdf', [textAt(50, 700, 'Typed text'), drawText('SCANNED')]);
    const { text, pages } = await extractor.extract(mixed, 'pdf');
    assert.equal(text, 'Typed text\n\nSCANNED');
    assert.equal(pages[1]?.start, 12);
  });

  test('says what is wrong with a scan', async () => {
    const pool = createExtractor({ ...LIMITS, concurrency: 1 });
    await using extractor = withOcr(pool, OPTIONS);
    const empty = save('empty.pdf', ['', '']);
    await assert.rejects(extractor.extract(empty, 'pdf'), {
      code: 'no_text',
      message: /recognition \(eng\)/,
    });
    const long = save(
      'long.pdf',
      Array.from({ length: 6 }, () => ''),
    );
    await assert.rejects(extractor.extract(long, 'pdf'), {
      code: 'resource_limit',
      message: /OCR_MAX_PAGES/,
    });
    const hurried = withOcr(pool, { ...OPTIONS, timeoutMs: 30 });
    await assert.rejects(hurried.extract(save('scan.pdf', scan), 'pdf'), { code: 'resource_limit' });
    const narrow = withOcr(pool, { ...OPTIONS, rssMb: 5 });
    await assert.rejects(narrow.extract(save('scan.pdf', scan), 'pdf'), { code: 'resource_limit' });
    const damaged = join(folder, 'damaged.pdf');
    writeFileSync(damaged, '%PDF-1.7 nonsense');
    await assert.rejects(extractor.extract(damaged, 'pdf'), { code: 'corrupt' });
    await assert.rejects(pool.extract(empty, 'pdf'), { code: 'no_text', message: /OCR_LANGUAGES/ });
  });

  test('stops with the reason of the signal', async () => {
    await using extractor = withOcr(createExtractor({ ...LIMITS, concurrency: 1 }), OPTIONS);
    const reason = new Error('enough');
    const controller = new AbortController();
    const extraction = extractor.extract(save('scan.pdf', scan), 'pdf', { signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(extraction, reason);
  });
});

test('what is missing is named with what to type', async () => {
  await assert.rejects(checkOcrTools('eng+no_such'), {
    name: 'ConfigError',
    message: /OCR_LANGUAGES.*apt-get install -y .*tesseract-ocr-no-such$/s,
  });
});

test('a worker that lacks a language does not start', async () => {
  const env = { OCR_LANGUAGES: 'eng+no_such', OPENAI_API_KEY: 'x' };
  const main = join(import.meta.dirname, '..', 'main.ts');
  await assert.rejects(promisify(execFile)(process.execPath, [main], { env }), {
    code: 78,
    stderr: /OCR_LANGUAGES: .*apt-get install -y .*tesseract-ocr-no-such\n/,
  });
});

describe('runTool', () => {
  test('inherits no secret and takes its input', async () => {
    process.env['OPENAI_API_KEY'] = 'sk-secret';
    const result = await runTool('sh', ['-c', 'env; cat'], { ...LIMITS, input: Buffer.from('in') });
    delete process.env['OPENAI_API_KEY'];
    assert.equal(result.kind, 'done');
    const output = result.kind === 'done' ? result.output.toString() : '';
    assert.match(output, /in$/);
    assert.doesNotMatch(output, /OPENAI|HOME/);
  });

  test('limits time, memory and CPU time', async () => {
    const endless = ['-c', 'while :; do :; done'];
    assert.deepEqual(await runTool('sh', endless, { ...LIMITS, timeoutMs: 100 }), {
      kind: 'exceeded',
      limit: 'timeout',
    });
    const flood = await runTool('head', ['-c', '100000000', '/dev/zero'], LIMITS);
    assert.deepEqual(flood, { kind: 'exceeded', limit: 'rss' });
    const limited = await runTool('sh', ['-c', 'ulimit -t'], { ...LIMITS, timeoutMs: 5_000 });
    assert.equal(limited.kind === 'done' && limited.output.toString(), '6\n');
    assert.equal((await runTool('false', [], LIMITS)).kind, 'failed');
    assert.match(JSON.stringify(await runTool('no-such-program', [], LIMITS)), /not found/);
  });
});
