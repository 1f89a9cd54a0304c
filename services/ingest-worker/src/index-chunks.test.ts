import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Checkpoint } from '@sluice/shared/documents';
import type { TenantVectors, VectorStore } from '@sluice/shared/vector-store/port';
import { openSqliteStore } from '@sluice/shared/vector-store/sqlite';
import { chunkDocument } from './chunk.ts';
import { BATCH } from './embed.ts';
import type { ExtractedDocument } from './extract/document.ts';
import { indexChunks } from './index-chunks.ts';
import type { ChunkIndexing } from './index-chunks.ts';

const space = { model: 'm', dimensions: 2 };
const document: ExtractedDocument = {
  text: Array.from({ length: 900 }, (_, n) => `Sentence ${n} tells of sluice ${n * 7}. 第${n}句。`).join(
    '\n\n',
  ),
  syntax: 'plain',
  pages: [],
};
const chunking = { size: 100, overlap: 0 };
const expected = chunkDocument(document, chunking);

describe('indexing chunks', () => {
  let folder: string;
  let store: VectorStore;
  let vectors: TenantVectors;
  let embedded: string[];
  let saved: (Checkpoint | undefined)[];
  let documents = 0;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-index-'));
    store = await openSqliteStore({ folder, ...space });
    vectors = store.forTenant('acme');
  });
  after(async () => {
    await store[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    [embedded, saved] = [[], []];
    documents += 1;
  });
  const index = (change: Partial<ChunkIndexing> = {}) =>
    indexChunks({
      document,
      chunking,
      owner: { documentId: `doc${documents}`, version: 1, filename: 'a.txt', collection: 'c', labels: [] },
      vectors,
      space,
      model: {
        embed(texts) {
          embedded.push(...texts);
          return Promise.resolve(texts.map((text) => Float32Array.of(1, text.length)));
        },
      },
      checkpoint: undefined,
      save(checkpoint) {
        saved.push(checkpoint);
        return Promise.resolve();
      },
      report: () => {},
      signal: new AbortController().signal,
      ...change,
    });
  /** Lets an attempt die after some batches, and gives the checkpoint that it leaves. */
  async function dieAfter(batches: number): Promise<Checkpoint> {
    const died = index({
      save(checkpoint) {
        saved.push(checkpoint);
        return saved.length === batches ? Promise.reject(new Error('killed')) : Promise.resolve();
      },
    });
    await assert.rejects(died, /killed/);
    embedded = [];
    return saved.at(-1) as Checkpoint;
  }
  const isWhole = async () => {
    const refs = expected
      .slice(0, 200)
      .map((chunk) => ({ documentId: `doc${documents}`, version: 1, index: chunk.index }));
    await vectors.activate(`doc${documents}`, 1);
    const stored = (await vectors.read(refs)).toSorted((a, b) => a.index - b.index);
    assert.deepEqual(
      stored.map(({ text }) => text),
      expected.slice(0, 200).map(({ text }) => text),
    );
  };

  it('stores every chunk, and a checkpoint after each batch; progress ends at the number of chunks', async () => {
    const progress: [number, number][] = [];
    assert.equal(await index({ report: (done, total) => progress.push([done, total]) }), expected.length);
    assert.equal(saved.length, Math.ceil(expected.length / BATCH));
    assert.equal(saved.at(-1)?.chunks, expected.length);
    assert.deepEqual(progress.at(-1), [expected.length, expected.length]);
    assert.ok(progress.every(([done, total]) => done <= total));
    await isWhole();
  });

  it('goes on after the chunks that are stored', async () => {
    const checkpoint = await dieAfter(3);
    assert.equal(checkpoint.chunks, 3 * BATCH);
    assert.equal(await index({ checkpoint }), expected.length);
    assert.deepEqual(
      embedded,
      expected.slice(3 * BATCH).map(({ text }) => text),
    );
    await isWhole();
  });

  it('begins anew when the checkpoint is of another text, model or version', async () => {
    const checkpoint = await dieAfter(3);
    const changed = { ...document, text: document.text.replace('sluice 7.', 'sluice 8.') };
    for (const change of [
      { checkpoint, document: changed },
      { checkpoint: { ...checkpoint, space: { ...space, model: 'other' } } },
      { checkpoint: { ...checkpoint, version: 2 } },
      { checkpoint: { ...checkpoint, chunks: expected.length + 1 } },
    ]) {
      embedded = [];
      await index(change);
      assert.equal(embedded.length, expected.length);
    }
  });

  it('leaves nothing of an attempt with other chunk settings', async () => {
    const checkpoint = await dieAfter(5);
    const other = { checkpoint, chunking: { size: 400, overlap: 0 } };
    const count = await index(other);
    assert.equal(embedded.length, count, 'and embeds each chunk once');
    assert.equal(await vectors.count(`doc${documents}`, 1), count);
  });

  it('notices that stored points are gone', async () => {
    const checkpoint = await dieAfter(3);
    await vectors.deleteDocument(`doc${documents}`);
    await assert.rejects(index({ checkpoint }), /does not hold the chunks/);
    await index();
    await isWhole();
  });
});
