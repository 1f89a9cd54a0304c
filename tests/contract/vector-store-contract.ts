import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { SluiceError } from '@sluice/shared/errors';
import type { Point, VectorStore } from '@sluice/shared/vector-store/port';
import { assertClose, both, countHits, DIMENSIONS, makePoint, writeActive } from './vector-store-fixtures.ts';
import { describeSearch } from './vector-store-search.ts';

/**
 * What every vector store must do. `open` opens one and the same place each time; the suite writes under tenants of
 * its own, and closes what it opens.
 */
export function describeVectorStore(name: string, open: () => Promise<VectorStore>): void {
  describe(`vector store: ${name}`, () => {
    let store: VectorStore;
    before(async () => void (store = await open()));
    after(() => store[Symbol.asyncDispose]());

    const newTenant = () => store.forTenant(`tenant-${randomUUID()}`);
    const withDocument = (...points: Point[]) => writeActive(newTenant(), ...points);

    it('answers a ping', async () => {
      await store.ping();
    });

    it('is empty before anything was written', async () => {
      const tenant = newTenant();
      assert.equal(await tenant.count(), 0);
      assert.deepEqual(await tenant.search(both('anything')), { dense: [], lexical: [] });
      await tenant.upsert([]);
      await tenant.activate('none', 1);
      await tenant.deleteDocument('none');
      assert.equal(await tenant.count(), 0);
    });

    it('gives a chunk back whole, with offsets, pages and headings', async () => {
      const point = makePoint('manual', 3, {
        text: 'Ünïcode 世界 😀 "quoted"\n\ttab \\ back',
        filename: '手册 (final).pdf',
        start: 1200,
        end: 1234,
        gap: '\n\n',
        page: 7,
        pageEnd: 8,
        headings: ['第一章', 'A "b"'],
      });
      const tenant = await withDocument(point, makePoint('bare', 0, { text: 'nothing optional' }));
      const { vector: _vector, indexedText: _indexedText, ...chunk } = point;
      const { dense, lexical } = await tenant.search({ ...both('世界'), filter: { documents: ['manual'] } });
      for (const [hit] of [dense, lexical]) {
        assert.ok(hit);
        const { score, ...found } = hit;
        assert.deepEqual(found, chunk);
        assert.ok(score > 0);
      }
      const [bare] = (await tenant.search(both('optional'))).lexical;
      assert.ok(bare && !('gap' in bare) && !('page' in bare) && !('pageEnd' in bare));
    });

    describe('upsert', () => {
      it('changes nothing when repeated, before and after activation', async () => {
        const tenant = newTenant();
        const points = Array.from({ length: 300 }, (_, index) => makePoint('doc', index));
        await tenant.upsert(points);
        await tenant.upsert(points);
        assert.equal(await tenant.count(), 300);
        await tenant.activate('doc', 1);
        const found = await tenant.search(both('doc', 200));
        assert.equal(found.dense.length, 200);
        await tenant.upsert(points);
        assert.equal(await tenant.count(), 300);
        assert.deepEqual(await tenant.search(both('doc', 200)), found);
      });

      it('replaces a point that is not active yet', async () => {
        const tenant = newTenant();
        await tenant.upsert([makePoint('doc', 0, { text: 'draft' })]);
        await tenant.upsert([makePoint('doc', 0, { text: 'final', vector: Float32Array.of(0, 0, 1, 0) })]);
        await tenant.activate('doc', 1);
        const { dense, lexical } = await tenant.search({
          vector: Float32Array.of(0, 0, 1, 0),
          text: 'draft final',
          limit: 5,
        });
        assert.deepEqual(
          [...dense, ...lexical].map(({ text }) => text),
          ['final', 'final'],
        );
        assertClose(dense[0]?.score, 1);
        assert.deepEqual((await tenant.search({ text: 'draft', limit: 5 })).lexical, []);
      });

      it('leaves points invisible until their version is activated', async () => {
        const tenant = newTenant();
        await tenant.upsert([makePoint('doc', 0)]);
        assert.equal(await tenant.count(), 1);
        assert.deepEqual(await tenant.search(both('chunk')), { dense: [], lexical: [] });
        await tenant.activate('doc', 1);
        assert.deepEqual(countHits(await tenant.search(both('chunk'))), [1, 1]);
      });

      it('refuses vectors of another length or with values that are no numbers, writing nothing', async () => {
        const tenant = newTenant();
        const good = makePoint('doc', 0);
        const refusals: [code: string, vector: Float32Array][] = [
          ['wrong_vector_length', Float32Array.of(1, 2, 3)],
          ['wrong_vector_length', new Float32Array(0)],
          ['invalid_vector', Float32Array.of(1, NaN, 0, 0)],
          ['invalid_vector', Float32Array.of(1, Infinity, 0, 0)],
        ];
        for (const [code, vector] of refusals) {
          const isRefusal = (error: unknown) => error instanceof SluiceError && error.code === code;
          await assert.rejects(tenant.upsert([good, makePoint('doc', 1, { vector })]), isRefusal);
          await assert.rejects(tenant.search({ vector, limit: 1 }), isRefusal);
        }
        assert.equal(await tenant.count(), 0);
      });

      it('takes a vector of zeros, which only words can find', async () => {
        const vector = new Float32Array(DIMENSIONS);
        const tenant = await withDocument(makePoint('doc', 0, { text: 'zero', vector }), makePoint('doc', 1));
        const { dense, lexical } = await tenant.search(both('zero', 1));
        assert.deepEqual([dense[0]?.index, lexical[0]?.index], [1, 0]);
        assert.deepEqual((await tenant.search({ vector, limit: 5 })).dense, []);
      });
    });

    describe('activate', () => {
      it('swaps to the new version at once and deletes the old one', async () => {
        const tenant = await withDocument(
          makePoint('doc', 0, { text: 'old' }),
          makePoint('doc', 1, { text: 'old' }),
        );
        await tenant.upsert([makePoint('doc', 0, { text: 'new', version: 2 })]);
        assert.deepEqual(countHits(await tenant.search(both('old new'))), [2, 2]);
        await tenant.activate('doc', 2);
        await tenant.activate('doc', 2);
        const { dense, lexical } = await tenant.search(both('old new'));
        assert.deepEqual(
          [...dense, ...lexical].map(({ text, version }) => [text, version]),
          [
            ['new', 2],
            ['new', 2],
          ],
        );
        assert.deepEqual([await tenant.count('doc', 1), await tenant.count('doc', 2)], [0, 1]);
      });

      it('leaves other documents and a higher version under way alone', async () => {
        const tenant = await withDocument(makePoint('doc', 0), makePoint('other', 0));
        await tenant.upsert([makePoint('doc', 0, { version: 2 }), makePoint('doc', 0, { version: 3 })]);
        await tenant.activate('doc', 2);
        assert.deepEqual([await tenant.count('doc'), await tenant.count('other')], [2, 1]);
        await tenant.activate('doc', 3);
        const { dense } = await tenant.search({ ...both('x'), filter: { documents: ['doc'] } });
        assert.deepEqual(
          dense.map(({ version }) => version),
          [3],
        );
      });

      it('drops a version that comes after a higher one was activated', async () => {
        const tenant = await withDocument(makePoint('doc', 0, { version: 2 }));
        await tenant.upsert([makePoint('doc', 0, { version: 1 }), makePoint('doc', 1, { version: 1 })]);
        await tenant.activate('doc', 1);
        assert.equal(await tenant.count('doc'), 1);
        assert.deepEqual(
          (await tenant.search(both('chunk'))).dense.map(({ version }) => version),
          [2],
        );
      });

      it('never shows two versions or none while it swaps', async () => {
        const tenant = await withDocument(makePoint('doc', 0));
        let swapping = true;
        const swaps = (async () => {
          for (let version = 2; version <= 20; version++) {
            await tenant.upsert([makePoint('doc', 0, { version })]);
            await tenant.activate('doc', version);
          }
          swapping = false;
        })();
        while (swapping) assert.deepEqual(countHits(await tenant.search(both('chunk'))), [1, 1]);
        await swaps;
      });
    });

    describe('deleteDocument', () => {
      it('deletes one version or all, of this document only', async () => {
        const tenant = await withDocument(makePoint('doc', 0), makePoint('other', 0));
        await tenant.upsert([makePoint('doc', 0, { version: 2 })]);
        await tenant.deleteDocument('doc', 2);
        assert.equal(await tenant.count('doc'), 1);
        await tenant.deleteDocument('doc');
        await tenant.deleteDocument('doc');
        assert.deepEqual([await tenant.count('doc'), await tenant.count()], [0, 1]);
        const { dense, lexical } = await tenant.search(both('chunk'));
        assert.deepEqual(
          [...dense, ...lexical].map(({ documentId }) => documentId),
          ['other', 'other'],
        );
      });

      it('lets the document come back', async () => {
        const tenant = await withDocument(makePoint('doc', 0));
        await tenant.deleteDocument('doc');
        await tenant.upsert([makePoint('doc', 0)]);
        assert.deepEqual(countHits(await tenant.search(both('chunk'))), [0, 0]);
        await tenant.activate('doc', 1);
        assert.deepEqual(countHits(await tenant.search(both('chunk'))), [1, 1]);
      });
    });

    it('counts points of the tenant, a document and a version, active or not', async () => {
      const tenant = await withDocument(makePoint('a', 0), makePoint('a', 1), makePoint('b', 0));
      await tenant.upsert([makePoint('a', 0, { version: 2 })]);
      const counts = [
        tenant.count(),
        tenant.count('a'),
        tenant.count('a', 1),
        tenant.count('a', 2),
        tenant.count('c'),
      ];
      assert.deepEqual(await Promise.all(counts), [4, 3, 2, 1, 0]);
    });

    describe('tenants', () => {
      it('share nothing, whatever the method', async () => {
        const mine = await withDocument(makePoint('doc', 0, { text: 'secret' }));
        const other = newTenant();
        const before = await mine.search(both('secret'));

        assert.deepEqual(await other.search(both('secret')), { dense: [], lexical: [] });
        assert.deepEqual(
          [await other.count(), await other.count('doc'), await other.count('doc', 1)],
          [0, 0, 0],
        );
        await other.upsert([makePoint('doc', 0, { text: 'foreign' }), makePoint('doc', 0, { version: 2 })]);
        await other.activate('doc', 2);
        await other.deleteDocument('doc');
        await other.activate('doc', 9);

        assert.equal(await mine.count(), 1);
        assert.deepEqual(await mine.search(both('secret')), before);
      });

      it('do not show in each other’s BM25 scores', async () => {
        const points = [makePoint('doc', 0, { text: 'rare word' }), makePoint('doc', 1), makePoint('doc', 2)];
        const mine = await withDocument(...points);
        const [before] = (await mine.search(both('rare'))).lexical;
        await withDocument(
          ...Array.from({ length: 20 }, (_, i) => makePoint('doc', i, { text: 'rare rare' })),
        );
        const [afterwards] = (await mine.search(both('rare'))).lexical;
        assert.equal(afterwards?.score, before?.score);
      });

      it('may have names that look alike to a separator', async () => {
        const prefix = randomUUID();
        const left = store.forTenant(`${prefix}:a`);
        const right = store.forTenant(prefix);
        await left.upsert([makePoint('b', 0)]);
        await right.upsert([makePoint('a:b', 0)]);
        assert.deepEqual([await left.count(), await right.count()], [1, 1]);
      });

      it('must have a name', () => {
        assert.throws(() => store.forTenant(''), TypeError);
        assert.throws(() => store.forTenant('\uD800'), TypeError);
      });
    });

    describe('search', () => describeSearch(newTenant));

    it('answers no more when it has been disposed of: what was begun on it goes on elsewhere', async () => {
      const other = await open();
      const tenant = other.forTenant(`tenant-${randomUUID()}`);
      await tenant.upsert([makePoint('doc', 0)]);
      await other[Symbol.asyncDispose]();
      const isGone = (error: unknown) =>
        error instanceof SluiceError && error.code === 'vector_store_unavailable';
      await assert.rejects(tenant.activate('doc', 1), isGone);
      await assert.rejects(other.ping(), isGone);
    });

    it('serves two openings of the same data at once', async () => {
      await using other = await open();
      const name = `tenant-${randomUUID()}`;
      const tenants = [store.forTenant(name), other.forTenant(name)];
      await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          tenants[i % 2]!.upsert([makePoint(`doc${i}`, 0), makePoint('shared', i)]),
        ),
      );
      await Promise.all(
        ['shared', ...Array.from({ length: 20 }, (_, i) => `doc${i}`)].map((id, i) =>
          tenants[i % 2]!.activate(id, 1),
        ),
      );
      for (const tenant of tenants) {
        assert.equal(await tenant.count(), 40);
        assert.deepEqual(countHits(await tenant.search(both('chunk', 100))), [40, 40]);
      }
    });
  });
}
