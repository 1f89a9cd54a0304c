import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import type { Batch } from '@sluice/shared/contracts/batches';
import type { Document } from '@sluice/shared/contracts/knowledge';
import { dataOf } from '../helpers/api.ts';
import { batchesAt } from '../helpers/batches.ts';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';
import { trackProcess } from '../helpers/track.ts';
import { writeZip } from '../helpers/zip.ts';

const MAIN = join(import.meta.dirname, '../../cli/main.ts');

describe('npm run ingest', () => {
  let stack: TestStack;
  let dir: string;
  before(async () => {
    stack = await startStack({ services: [] });
    dir = await mkdtemp(join(tmpdir(), 'sluice-ingest-'));
  });
  after(async () => {
    await rm(dir, { recursive: true });
    await stack[Symbol.asyncDispose]();
  });
  afterEach(() => rm(join(dir, 'docs'), { recursive: true, force: true }));

  const write = async (files: Record<string, string | Uint8Array>) => {
    for (const [name, content] of Object.entries(files)) {
      const path = join(dir, 'docs', name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
    }
  };
  const start = (...args: string[]) => {
    const child = spawn(process.execPath, [MAIN, ...args], {
      cwd: dir,
      env: { PATH: process.env['PATH'], XDG_CACHE_HOME: join(dir, 'cache'), SLUICE_URL: stack.url },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    trackProcess(child, 'npm run ingest');
    let output = '';
    child.stdout.on('data', (data: Buffer) => (output += data.toString()));
    child.stderr.on('data', (data: Buffer) => (output += data.toString()));
    const ended = once(child, 'close').then(() => ({ code: child.exitCode, output }));
    return { child, ended };
  };
  const run = (...args: string[]) => start(...args).ended;
  const newest = async () => {
    const { batches } = await dataOf<{ batches: Batch[] }>(await fetch(batchesAt(stack.url).base));
    return batches[0];
  };
  const documents = async () =>
    (await dataOf<{ documents: Document[] }>(await fetch(`${stack.url}/api/knowledge/documents?limit=200`)))
      .documents;
  const uploads = () => stack.gateway.logs().match(/"POST","path":"[^"]*\/files"/g)?.length ?? 0;

  it('goes on after Ctrl-C, in the upload and in the wait, and uploads nothing twice', async () => {
    const count = 600;
    await write(
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`第${i % 7}卷/${i}.md`, `# 文件 ${i}`])),
    );
    const first = start('docs', '--concurrency', '1');
    await waitFor(async () => ((await newest())?.items ?? 0) > 100, { what: 'the upload to be under way' });
    first.child.kill('SIGINT');
    const interrupted = await first.ended;
    assert.equal(interrupted.code, 130, interrupted.output);
    assert.match(
      interrupted.output,
      /Interrupted\. \d+ files were uploaded .* batch_[^]*Run the same command again/,
    );
    const batch = await newest();
    assert.ok(batch?.open && batch.items < count, 'it is left open, with a part of the files');

    const second = start('docs', '--concurrency', '1');
    await waitFor(async () => (await newest())?.state === 'running', {
      what: 'all to be uploaded',
      timeoutMs: 30_000,
    });
    second.child.kill('SIGINT');
    assert.equal((await second.ended).code, 130);
    assert.match((await second.ended).output, new RegExp(`Going on with ${batch.id}`));
    const uploadsBefore = uploads();

    const third = start('docs');
    await using _worker = await stack.start('ingest-worker');
    const { code, output } = await third.ended;
    assert.equal(code, 0, output);
    assert.match(output, new RegExp(`Going on with ${batch.id}[^]*${count} indexed\\.`));
    assert.equal(uploads(), uploadsBefore, 'nothing is left to upload');
    const ended = await newest();
    assert.deepEqual([ended?.id, ended?.items, ended?.counts.ready], [batch.id, count, count]);
  });

  it('says what failed and why, leaves out what is no document, and ends with 1', async () => {
    await using _worker = await stack.start('ingest-worker');
    await write({
      'guide/good.md': 'A good file.',
      'guide/empty.txt': '',
      'fake.pdf': 'no PDF',
      'pictures/one.png': 'x',
      'pictures/two.png': 'x',
      '.hidden/secret.md': 'x',
      'all.zip': writeZip([
        { name: '内/文.md', content: '压缩包里的文件' },
        { name: 'bad.exe', content: 'x' },
      ]),
    });
    const facts = ['team=docs', 'year=2026', 'code=007', 'account=12345678901234567890'];
    const { code, output } = await run('docs', ...facts.flatMap((fact) => ['--metadata', fact]));
    assert.equal(code, 1, output);
    assert.match(output, /Found 4 files.* 2 \.png/);
    assert.match(output, /2 indexed, 3 failed\./);
    assert.match(output, /guide\/empty\.txt +empty +The file is empty/);
    assert.match(output, /fake\.pdf +type_mismatch/);
    assert.match(output, /bad\.exe +unsupported_type/);
    const found = (await documents()).find(({ filename }) => filename === '文.md');
    const account = '12345678901234567890';
    assert.deepEqual(found?.metadata, { team: 'docs', year: 2026, code: '007', account });
  });

  it('looks without uploading, and replaces by path', async () => {
    await using _worker = await stack.start('ingest-worker');
    await write({ 'a/one.md': 'the first edition of one', 'two.md': 'two stays' });
    const rehearsal = await run('docs', '--dry-run');
    assert.equal(rehearsal.code, 0, rehearsal.output);
    assert.match(rehearsal.output, /would upload a\/one\.md\n[^]*2 to upload, 0 already there/);
    assert.equal(
      (await documents()).some(({ filename }) => filename === 'one.md'),
      false,
    );

    assert.equal((await run('docs', '--replace', 'external_id')).code, 0);
    await write({ 'a/one.md': 'the second edition of one' });
    const again = await run('docs', '--replace', 'external_id');
    assert.match(again.output, /1 indexed, 1 already there/);
    const one = (await documents()).filter(({ filename }) => filename === 'one.md');
    assert.deepEqual(
      one.map((document) => [document.external_id, document.version, document.status]),
      [['a/one.md', 2, 'ready']],
    );

    await write({ 'two.md': 'the second edition of one' });
    const copied = await run('docs', '--replace', 'external_id');
    assert.match(copied.output, /1 indexed, 1 already there/, 'bytes of another path are not this one');
    const two = (await documents()).find(({ external_id }) => external_id === 'two.md');
    assert.equal(two?.version, 2);
  });

  it('explains itself', async () => {
    assert.equal((await run('--help')).code, 0);
    const usages = [[], ['nowhere'], ['docs', '--replace', 'x'], ['docs', '--metadata', 'x'], ['--wrong']];
    await write({ 'a.md': 'x' });
    for (const args of usages) {
      const { code, output } = await run(...args);
      assert.equal(code, 2, output);
      assert.match(output, /npm run ingest -- /);
    }
    await write({ 'one/README.md': 'one', 'two/README.md': 'two' });
    const clash = await run('docs', '--replace', 'filename');
    assert.equal(clash.code, 2, clash.output);
    assert.match(clash.output, /(one|two).README\.md and .*(one|two).README\.md .* replace the other/);
    const away = await run('docs', '--url', 'http://127.0.0.1:1');
    assert.equal(away.code, 1);
    assert.match(away.output, /http:\/\/127\.0\.0\.1:1: .*cannot be reached.*run the same command again/);
    assert.equal(
      (await run('docs', '--collection', 'nowhere')).output.includes(
        'PUT /api/knowledge/collections/nowhere',
      ),
      true,
    );
  });
});
