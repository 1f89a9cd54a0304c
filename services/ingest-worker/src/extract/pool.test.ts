import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { DocumentError } from '@sluice/shared/errors';
import { textAt, writeNestedPdf, writePdf } from '../../../../tests/helpers/pdf.ts';
import { extractionCrashes } from '../metrics.ts';
import { startChild } from './child-process.ts';
import { createExtractor, type ExtractionReport } from './pool.ts';

const LIMITS = { timeoutMs: 60_000, heapMb: 256, rssMb: 600 };
const crashes = async (reason: string) =>
  (await extractionCrashes.get()).values.find(({ labels }) => labels.reason === reason)?.value ?? 0;
const folder = mkdtempSync(join(tmpdir(), 'extract-'));
after(() => rmSync(folder, { recursive: true }));

function save(name: string, bytes: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const small = save('small.txt', 'A short text.');
/** Draws a line of text 10^12 times. */
const endless = save('endless.pdf', writeNestedPdf(12, textAt(5, 5, 'again')));

function fails(code: string): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof DocumentError, String(error));
    assert.equal(error.code, code);
    return true;
  };
}

/** False also for a zombie that nobody has collected. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('extraction pool', () => {
  test('extracts in one child after the other document, and ends it on disposal', async () => {
    const reports: ExtractionReport[] = [];
    {
      await using extractor = createExtractor({
        ...LIMITS,
        concurrency: 1,
        onSettled: (each) => reports.push(each),
      });
      const pdf = save('two.pdf', writePdf({ pages: [textAt(50, 700, 'First'), textAt(50, 700, 'Second')] }));
      const document = await extractor.extract(pdf, 'pdf');
      assert.equal(document.text, 'First\n\nSecond');
      assert.deepEqual(document.pages[1], { page: 2, start: 7, end: 13 });
      assert.equal((await extractor.extract(small, 'text')).text, 'A short text.');
      assert.ok(isAlive(reports[0]?.pid ?? 0));
    }
    assert.equal(reports[0]?.pid, reports[1]?.pid);
    assert.ok((reports[0]?.peakRss ?? 0) > 1e6);
    assert.ok(!isAlive(reports[0]?.pid ?? 0));
  });

  test('brings errors across with code and sentence', async () => {
    await using extractor = createExtractor({ ...LIMITS, concurrency: 1 });
    await assert.rejects(extractor.extract(save('bad.pdf', '%PDF-1.7 nonsense'), 'pdf'), (error) => {
      assert.match(String(error), /The PDF is damaged/);
      return fails('corrupt')(error);
    });
    await assert.rejects(extractor.extract(save('empty.md', ''), 'markdown'), fails('empty'));
  });

  test('reports an unreadable path as an error that is not the document’s, and goes on', async () => {
    await using extractor = createExtractor({ ...LIMITS, concurrency: 1 });
    await assert.rejects(extractor.extract(join(folder, 'none.txt'), 'text'), { code: 'ENOENT' });
    assert.equal((await extractor.extract(small, 'text')).text, 'A short text.');
  });

  test('stops a document that takes too long', async () => {
    await using extractor = createExtractor({ ...LIMITS, timeoutMs: 1500, concurrency: 1 });
    const before = await crashes('timeout');
    await assert.rejects(extractor.extract(endless, 'pdf'), fails('resource_limit'));
    assert.equal((await crashes('timeout')) - before, 1);
    assert.equal((await extractor.extract(small, 'text')).text, 'A short text.');
  });

  test('stops a document that inflates beyond the memory limit, although the heap stays small', async () => {
    const bomb = save('bomb.pdf', writePdf({ pages: [' '.repeat(300e6)] }));
    await using extractor = createExtractor({ ...LIMITS, rssMb: 250, concurrency: 1 });
    await assert.rejects(extractor.extract(bomb, 'pdf'), fails('resource_limit'));
  });

  test('survives a child that runs out of heap', async () => {
    const text = save('breaks.txt', '\n\f'.repeat(4e6) + 'x');
    await using extractor = createExtractor({ ...LIMITS, heapMb: 64, concurrency: 1 });
    await assert.rejects(extractor.extract(text, 'text'), fails('resource_limit'));
    assert.equal((await extractor.extract(small, 'text')).text, 'A short text.');
  });

  test('tries once more in a fresh child when one was killed from outside', async () => {
    const reports: ExtractionReport[] = [];
    await using extractor = createExtractor({
      ...LIMITS,
      concurrency: 1,
      onSettled: (each) => reports.push(each),
    });
    await extractor.extract(small, 'text');
    process.kill(reports[0]?.pid ?? 0, 'SIGKILL');
    assert.equal((await extractor.extract(small, 'text')).text, 'A short text.');
    assert.equal(reports[1]?.attempts, 2);
    assert.notEqual(reports[1]?.pid, reports[0]?.pid);
  });

  test('aborts running and waiting extractions with the reason of the signal', async () => {
    await using extractor = createExtractor({ ...LIMITS, concurrency: 1 });
    const [running, waiting] = [new AbortController(), new AbortController()];
    const first = extractor.extract(endless, 'pdf', { signal: running.signal });
    const second = extractor.extract(small, 'text', { signal: waiting.signal });
    const third = extractor.extract(small, 'text');
    const [reasonRunning, reasonWaiting] = [new Error('running'), new Error('waiting')];
    waiting.abort(reasonWaiting);
    await assert.rejects(second, reasonWaiting);
    running.abort(reasonRunning);
    await assert.rejects(first, reasonRunning);
    assert.equal((await third).text, 'A short text.');
  });

  test('disposal rejects what runs and what waits, as an error that is worth a retry', async () => {
    const extractor = createExtractor({ ...LIMITS, concurrency: 1 });
    const pending = [extractor.extract(endless, 'pdf'), extractor.extract(small, 'text')];
    const checks = pending.map((each) => assert.rejects(each, { code: 'extractor_closed', status: 503 }));
    await extractor[Symbol.asyncDispose]();
    await Promise.all(checks);
    await assert.rejects(extractor.extract(small, 'text'), { code: 'extractor_closed' });
  });

  test('works on as many documents at a time as it may', async () => {
    const reports: ExtractionReport[] = [];
    await using extractor = createExtractor({
      ...LIMITS,
      concurrency: 2,
      onSettled: (each) => reports.push(each),
    });
    await Promise.all(Array.from({ length: 5 }, () => extractor.extract(small, 'text')));
    assert.equal(new Set(reports.map(({ pid }) => pid)).size, 2);
  });
});

describe('extraction child', () => {
  test('a kill from outside is told apart from a crash', async () => {
    const child = startChild(LIMITS);
    await child.run(small, 'text');
    const result = child.run(endless, 'pdf');
    process.kill(child.pid ?? 0, 'SIGKILL');
    assert.deepEqual({ ...(await result), detail: '' }, { kind: 'died', cause: 'killed', detail: '' });
  });

  test('inherits no secret', { skip: process.platform !== 'linux' && 'needs /proc' }, async () => {
    process.env['OPENAI_API_KEY'] = 'sk-secret';
    const child = startChild(LIMITS);
    await child.run(small, 'text');
    const names = readFileSync(`/proc/${child.pid}/environ`, 'utf8')
      .split('\0')
      .map((each) => each.split('=')[0]);
    await child.kill('closed');
    delete process.env['OPENAI_API_KEY'];
    const allowed = new Set(['NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE', 'NODE_V8_COVERAGE', '']);
    assert.deepEqual(
      names.filter((name) => !allowed.has(name ?? '')),
      [],
    );
  });

  test('ends with its parent, when that was killed', async () => {
    const module = join(import.meta.dirname, 'child-process.ts');
    const pid = await killParentOf(`
      const { startChild } = await import(${JSON.stringify(module)});
      const child = startChild(${JSON.stringify(LIMITS)});
      await child.run(${JSON.stringify(small)}, 'text');
      void child.run(${JSON.stringify(endless)}, 'pdf');
      console.log(child.pid);`);
    await untilGone(pid);
  });

  test('ends with its parent also while the main thread loops and hears no event', async () => {
    const module = JSON.stringify(join(import.meta.dirname, 'watch-parent.ts'));
    const loop = `import(${module}).then(({ watchParent }) => {
      watchParent();
      setTimeout(() => { console.log(process.pid); for (;;); }, 200);
    });`;
    const pid = await killParentOf(`
      const { spawn } = await import('node:child_process');
      spawn(process.execPath, ['-e', ${JSON.stringify(loop)}], { stdio: 'inherit' });`);
    await untilGone(pid);
  });
});

/** Runs a script that prints the id of a child of its own, kills it by SIGKILL, and gives that id. */
async function killParentOf(script: string): Promise<number> {
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const died = once(parent, 'exit').then(() => assert.fail('the parent ended too early'));
  const [line] = (await Promise.race([once(parent.stdout, 'data'), died])) as [Buffer];
  died.catch(() => undefined);
  const pid = Number(line.toString());
  assert.ok(isAlive(pid));
  parent.kill('SIGKILL');
  return pid;
}

async function untilGone(pid: number): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (isAlive(pid)) {
    if (Date.now() > deadline) {
      process.kill(pid, 'SIGKILL');
      assert.fail(`process ${pid} outlived its parent`);
    }
    await new Promise(setImmediate);
  }
}
