import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { SluiceError, UnavailableError } from '@sluice/shared/errors';
import { nameIndex } from '@sluice/shared/vector-store/names';
import { openSqliteStore } from '@sluice/shared/vector-store/sqlite';
import { DIMENSIONS, makePoint } from './vector-store-fixtures.ts';

const SPACE = { model: 'writer', dimensions: DIMENSIONS };
const CHUNKS = 20;

type Report = { upserted: string } | { activated: string };

describe('SQLite vector store', () => {
  let folder: string;
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'sluice-sqlite-'))));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const openStore = () => openSqliteStore({ folder, ...SPACE });

  function startWriter(prefix: string, documents: number): { child: ChildProcess; reports: Report[] } {
    const child = fork(join(import.meta.dirname, 'sqlite-writer.ts'), [folder, prefix, String(documents)]);
    const reports: Report[] = [];
    child.on('message', (report) => reports.push(report as Report));
    return { child, reports };
  }

  it('lets several processes create, write and read one file', async () => {
    const writers = ['a', 'b', 'c'].map((prefix) => startWriter(prefix, 15));
    await using store = await openStore();
    const exits = await Promise.all(writers.map(({ child }) => once(child, 'exit')));
    assert.deepEqual(
      exits,
      writers.map(() => [0, null]),
    );
    const tenant = store.forTenant('acme');
    assert.equal(await tenant.count(), 3 * 15 * CHUNKS);
    const { dense } = await tenant.search({ vector: Float32Array.of(1, 0, 0, 0), limit: 45 });
    assert.ok(
      dense.every(({ index }) => index === 0),
      'the first chunk of each document is nearest',
    );
    assert.equal(new Set(dense.map(({ documentId }) => documentId)).size, 45);
  });

  for (const acknowledged of [1, 40, 101]) {
    it(`keeps all that was acknowledged before kill -9, after ${acknowledged} calls`, async () => {
      const { child, reports } = startWriter('doc', 100_000);
      child.on('message', () => reports.length >= acknowledged && child.kill('SIGKILL'));
      const [, signal] = await once(child, 'exit');
      assert.equal(signal, 'SIGKILL');
      assert.ok(reports.length >= acknowledged);

      await using store = await openStore();
      const tenant = store.forTenant('acme');
      for (const report of reports) {
        const id = 'upserted' in report ? report.upserted : report.activated;
        assert.equal(await tenant.count(id), CHUNKS);
        if (!('activated' in report)) continue;
        const { dense, lexical } = await tenant.search({
          vector: Float32Array.of(1, 0, 0, 0),
          text: 'chunk',
          limit: CHUNKS,
          filter: { documents: [id] },
        });
        assert.deepEqual([dense.length, lexical.length], [CHUNKS, CHUNKS]);
      }
      assert.equal((await tenant.count()) % CHUNKS, 0, 'no upsert is there by half');

      await tenant.upsert([makePoint('afterwards', 0)]);
      assert.equal(await tenant.count('afterwards'), 1);
    });
  }

  it('waits for the transaction of another process', async () => {
    await using store = await openStore();
    const tenant = store.forTenant('acme');
    const [file] = await readdir(folder);
    using other = new DatabaseSync(join(folder, file!));
    other.exec('begin immediate');
    let settled = false;
    const upsert = tenant.upsert([makePoint('doc', 0)]).finally(() => (settled = true));
    // Time to fail in: without a busy time-out, the upsert would reject at once.
    await setTimeout(200);
    assert.equal(settled, false);
    other.exec('commit');
    await upsert;
    assert.equal(await tenant.count(), 1);
  });

  it('keeps models and dimensions apart', async () => {
    await using store = await openStore();
    await using otherModel = await openSqliteStore({ folder, model: 'Writer', dimensions: DIMENSIONS });
    await using otherLength = await openSqliteStore({ folder, model: 'writer', dimensions: 8 });
    await store.forTenant('acme').upsert([makePoint('doc', 0)]);
    assert.equal(await otherModel.forTenant('acme').count(), 0);
    assert.equal(await otherLength.forTenant('acme').count(), 0);
  });

  it('refuses a file that belongs to another model', async () => {
    await (await openStore())[Symbol.asyncDispose]();
    const other = { model: 'another', dimensions: DIMENSIONS };
    await copyFile(join(folder, `${nameIndex(SPACE)}.db`), join(folder, `${nameIndex(other)}.db`));
    await assert.rejects(
      openSqliteStore({ folder, ...other }),
      (error) =>
        error instanceof SluiceError &&
        error.code === 'vector_store_mismatch' &&
        /writer/.test(error.message),
    );
  });

  it('says that it is unavailable when the file is no database or the folder none', async () => {
    const file = join(folder, `${nameIndex(SPACE)}.db`);
    await writeFile(
      file,
      'no database, but long enough to have a header that SQLite can look at'.repeat(100),
    );
    await assert.rejects(openStore(), isUnavailable);
    await assert.rejects(openSqliteStore({ folder: file, ...SPACE }), isUnavailable);
  });

  it('finishes the calls under way when disposed, and refuses later ones', async () => {
    const store = await openStore();
    const tenant = store.forTenant('acme');
    const upserts = Array.from({ length: 5 }, (_, i) => tenant.upsert([makePoint(`doc${i}`, 0)]));
    await Promise.all([store[Symbol.asyncDispose](), store[Symbol.asyncDispose]()]);
    await Promise.all(upserts);
    await assert.rejects(tenant.count(), isUnavailable);
    await assert.rejects(store.ping(), isUnavailable);
    await using reopened = await openStore();
    assert.equal(await reopened.forTenant('acme').count(), 5);
  });
});

function isUnavailable(error: unknown): boolean {
  return (
    error instanceof UnavailableError && error.code === 'vector_store_unavailable' && error.status === 503
  );
}
