import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { blobKeys, openBlobStore } from '@sluice/shared/blob-store';
import type { BlobStore } from '@sluice/shared/blob-store';
import { UnavailableError } from '@sluice/shared/errors';
import { startS3 } from '../helpers/s3.ts';
import type { TestS3 } from '../helpers/s3.ts';

let folder: string;
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'sluice-blobs-'))));
after(() => rm(folder, { recursive: true, force: true }));

describeBlobStore('disk', async () => openBlobStore({ DATA_DIR: folder }));

describe('blob store: disk', () => {
  it('moves a file in by renaming it, so that nobody sees a half of it', async () => {
    const store = await openBlobStore({ DATA_DIR: folder });
    await store.putFile('t/doc/v1/original', await makeFile('first'));
    await store.withLocalFile('t/doc/v1/original', async (path) => {
      await store.putFile('t/doc/v1/original', await makeFile('second'));
      assert.equal(await readFile(path, 'utf8'), 'second');
    });
  });

  it('says that it is unavailable when its folder is no folder', async () => {
    const broken = join(folder, 'broken');
    await mkdir(broken);
    await writeFile(join(broken, 'blobs'), '');
    const store = await openBlobStore({ DATA_DIR: broken });
    await assert.rejects(store.putText('t/doc/v1/text.txt', 'x'), isUnavailable);
    await assert.rejects(store.putFile('t/doc/v1/original', await makeFile('x')), isUnavailable);
  });
});

describe('blob store: S3', () => {
  let s3: TestS3;
  before(async () => void (s3 = await startS3()));
  after(() => s3[Symbol.asyncDispose]());
  const open = () => openBlobStore(settingsOf(s3));

  describeBlobStore('S3', open);

  it('tries an upload again, with the whole file', async () => {
    const store = await open();
    s3.fail(2, 503);
    await store.putFile('t/again/v1/original', await makeFile('again'));
    assert.equal(await store.getText('t/again/v1/original'), 'again');
  });

  it('says that it is unavailable after some tries, and keeps the local file', async () => {
    const store = await open();
    const path = await makeFile('kept');
    s3.fail(1_000, 503);
    await assert.rejects(store.putFile('t/fails/v1/original', path), isUnavailable);
    await assert.rejects(store.getText('t/fails/v1/original'), isUnavailable);
    s3.fail(0, 503);
    assert.equal(await readFile(path, 'utf8'), 'kept');
  });

  it('does not try again what it may not do', async () => {
    const store = await openBlobStore({ ...settingsOf(s3), S3_ACCESS_KEY_ID: 'wrong' });
    const before = s3.requests.length;
    await assert.rejects(store.putFile('t/denied/v1/original', await makeFile('x')), isUnavailable);
    assert.equal(s3.requests.length, before + 1);
  });

  it('removes the temporary file, whatever becomes of its use', async () => {
    const store = await open();
    await store.putText('t/temporary/v1/original', 'x');
    const paths: string[] = [];
    await assert.rejects(
      store.withLocalFile('t/temporary/v1/original', async (path) => {
        paths.push(path);
        throw new Error('use failed');
      }),
      /use failed/,
    );
    assert.deepEqual(paths.map(existsSync), [false]);
  });
});

/** What both adapters must do. */
function describeBlobStore(name: string, open: () => Promise<BlobStore>): void {
  describe(`blob store contract: ${name}`, () => {
    it('moves a file in and hands it out as a file', async () => {
      const store = await open();
      const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) % 256));
      const path = await makeFile(bytes);
      const key = blobKeys.original('t', 'moved', 1);
      await store.putFile(key, path);
      assert.equal(existsSync(path), false);
      const read = await store.withLocalFile(key, (local) => readFile(local));
      assert.ok(read.equals(bytes));
    });

    it('keeps an empty file', async () => {
      const store = await open();
      await store.putFile('t/empty/v1/original', await makeFile(''));
      assert.equal(await store.getText('t/empty/v1/original'), '');
    });

    it('keeps text, of any script, and replaces it', async () => {
      const store = await open();
      const key = blobKeys.text('t', 'text', 1);
      await store.putText(key, 'old');
      await store.putText(key, '龙井茶 – naïve 𠮷\n');
      assert.equal(await store.getText(key), '龙井茶 – naïve 𠮷\n');
    });

    it('copies', async () => {
      const store = await open();
      await store.putText('t/copied/v1/original', 'copied');
      await store.copy('t/copied/v1/original', 't/copied/v2/original');
      assert.equal(await store.getText('t/copied/v1/original'), 'copied');
      assert.equal(await store.getText('t/copied/v2/original'), 'copied');
    });

    it('rejects what is not there, and not as if the store were away', async () => {
      const store = await open();
      for (const call of [
        () => store.getText('t/nothing/v1/original'),
        () => store.copy('t/nothing/v1/original', 't/nothing/v2/original'),
        () => store.withLocalFile('t/nothing/v1/original', async () => 'used'),
      ]) {
        await assert.rejects(call(), (error) => !(error instanceof UnavailableError));
      }
    });

    it('deletes a folder, and none whose name only begins alike', async () => {
      const store = await open();
      const versions = Array.from({ length: 12 }, (_, i) => i + 1);
      for (const version of versions) {
        await store.putText(blobKeys.text('t', 'deleted', version), 'x');
        await store.putText(blobKeys.original('t', 'deleted', version), 'x');
      }
      await store.deleteAll(blobKeys.version('t', 'deleted', 1));
      await store.deleteAll(blobKeys.version('t', 'deleted', 1));
      const kept = await listKeys(store, blobKeys.document('t', 'deleted'));
      assert.deepEqual(
        new Set(kept.map((key) => key.split('/')[2])),
        new Set(versions.slice(1).map((version) => `v${version}`)),
      );
      await store.deleteAll(blobKeys.document('t', 'deleted'));
      assert.deepEqual(await listKeys(store, blobKeys.document('t', 'deleted')), []);
    });

    it('lists all there is, with the time of writing', async () => {
      const store = await open();
      const began = Date.now() - 2_000;
      const keys = Array.from({ length: 13 }, (_, i) => blobKeys.text('listed', `d${i}`, 1)).toSorted();
      for (const key of keys) await store.putText(key, 'x');
      assert.deepEqual((await listKeys(store, 'listed/')).toSorted(), keys);
      const all = await listKeys(store);
      assert.ok(keys.every((key) => all.includes(key)));
      assert.deepEqual(await listKeys(store, 'nobody/'), []);
      for await (const { modifiedAt } of store.list('listed/')) {
        assert.ok(modifiedAt.getTime() >= began && modifiedAt.getTime() <= Date.now() + 2_000);
      }
    });
  });
}

async function listKeys(store: BlobStore, prefix?: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

async function makeFile(content: string | Buffer): Promise<string> {
  const path = join(await mkdtemp(join(folder, 'upload-')), 'file');
  await writeFile(path, content);
  await chmod(path, 0o600);
  return path;
}

function settingsOf(s3: TestS3) {
  return {
    DATA_DIR: folder,
    S3_BUCKET: s3.bucket,
    S3_ENDPOINT: s3.url,
    S3_ACCESS_KEY_ID: s3.accessKeyId,
    S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
  };
}

function isUnavailable(error: unknown): boolean {
  return error instanceof UnavailableError && error.code === 'blob_store_unavailable';
}
