import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { blobKeys } from '@sluice/shared/blob-store';
import type { BlobStore } from '@sluice/shared/blob-store';
import { openDiskStore } from '@sluice/shared/blob-store/disk';
import type { JobData } from '@sluice/shared/contracts/jobs';
import { extractOnce } from './extract-once.ts';
import type { ExtractedDocument } from './extract/document.ts';

const document: ExtractedDocument = {
  text: '# 水闸\n\nA river.\n\nA gate.',
  syntax: 'markdown',
  pages: [{ page: 1, start: 0, end: 16 }],
  pageCount: 2,
};
const job = {
  tenant: 'acme',
  document_id: 'doc',
  version: 3,
  type: 'pdf',
  blob_key: blobKeys.original('acme', 'doc', 3),
} as JobData<'ingest'>;

describe('extracting once', () => {
  let folder: string;
  let blobs: BlobStore;
  let extractions = 0;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-extract-'));
    blobs = openDiskStore(folder);
  });
  after(() => rm(folder, { recursive: true, force: true }));
  beforeEach(async () => {
    await blobs.deleteAll('acme/');
    await blobs.putText(job.blob_key, 'bytes');
    extractions = 0;
  });
  const extractor = {
    extract() {
      extractions += 1;
      return Promise.resolve(document);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const run = (attempt: number) =>
    extractOnce({ blobs, extractor }, job, attempt, new AbortController().signal);
  const pathOf = (key: string) => join(folder, key);

  it('gives a later attempt what the first has kept', async () => {
    assert.deepEqual(await run(1), document);
    assert.deepEqual(await run(2), document);
    assert.equal(extractions, 1);
    assert.equal(await blobs.getText(blobKeys.text('acme', 'doc', 3)), document.text);
  });

  it('extracts anew where the first attempt died before all was kept', async () => {
    const text = pathOf(blobKeys.text('acme', 'doc', 3));
    const structure = pathOf(blobKeys.structure('acme', 'doc', 3));
    for (const harm of [
      () => rm(structure),
      () => truncate(structure, 20),
      () => writeFile(structure, '{}'),
      () => rm(text),
      () => truncate(text, 5),
    ]) {
      await run(1);
      await harm();
      extractions = 0;
      assert.deepEqual(await run(2), document);
      assert.equal(extractions, 1, String(harm));
    }
  });
});
