import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RequestError } from '@sluice/shared/errors';
import type { Point, TenantVectors } from '@sluice/shared/vector-store/port';
import { assertClose, both, countHits, makePoint, writeActive } from './vector-store-fixtures.ts';

/** The part of the contract that is about finding; `newTenant` gives one without data. */
export function describeSearch(newTenant: () => TenantVectors): void {
  const withDocument = (...points: Point[]) => writeActive(newTenant(), ...points);

  it('ranks dense hits by cosine similarity', async () => {
    const vectors = [
      [3, 0, 0, 0],
      [1, 1, 0, 0],
      [0, 5, 0, 0],
      [-2, 0, 0, 0],
    ];
    const tenant = await withDocument(
      ...vectors.map((vector, index) => makePoint('doc', index, { vector: Float32Array.from(vector) })),
    );
    const { dense, lexical } = await tenant.search({ vector: Float32Array.of(7, 0, 0, 0), limit: 10 });
    assert.deepEqual(
      dense.map(({ index }) => index),
      [0, 1, 2, 3],
    );
    [1, Math.SQRT1_2, 0, -1].forEach((cosine, rank) => assertClose(dense[rank]?.score, cosine));
    assert.deepEqual(lexical, []);
  });

  it('finds English words in any inflection and case, the best match first', async () => {
    const tenant = await withDocument(
      makePoint('doc', 0, { text: 'Policies for refunds are listed here, refunds among them.' }),
      makePoint('doc', 1, { text: 'The policy on travel.' }),
      makePoint('doc', 2, { text: 'Something else entirely, in many more words than the others.' }),
    );
    const { dense, lexical } = await tenant.search({ text: 'REFUND policy?', limit: 10 });
    assert.deepEqual(
      lexical.map(({ index }) => index),
      [0, 1],
    );
    assert.ok(lexical.every(({ score }) => score > 0));
    assert.deepEqual(dense, []);
  });

  it('finds Chinese words within sentences', async () => {
    const tenant = await withDocument(
      makePoint('doc', 0, { text: '大模型的推理优化策略包括量化和批处理。' }),
      makePoint('doc', 1, { text: '今天天气很好，我们去公园。' }),
      makePoint('doc', 2, { text: '模型训练需要大量数据。' }),
    );
    const found = async (text: string) =>
      (await tenant.search({ text, limit: 10 })).lexical.map(({ index }) => index);
    assert.deepEqual(await found('如何做推理优化？'), [0]);
    assert.deepEqual(await found('天气'), [1]);
    assert.deepEqual(new Set(await found('模型')), new Set([0, 2]));
    assert.deepEqual(await found('火车'), []);
  });

  it('searches the indexed text, not only the chunk', async () => {
    const tenant = await withDocument(
      makePoint('doc', 0, { text: 'see below', indexedText: '退款 Refunds\nsee below' }),
    );
    assert.equal((await tenant.search({ text: 'refunds', limit: 1 })).lexical[0]?.text, 'see below');
  });

  it('keeps to the documents of the filter, in both rankings', async () => {
    const tenant = await withDocument(
      ...['a', 'b', 'c'].flatMap((id) => [makePoint(id, 0), makePoint(id, 1)]),
    );
    const searchIn = async (documents: string[]) => {
      const { dense, lexical } = await tenant.search({ ...both('chunk', 3), filter: { documents } });
      return [dense, lexical].map((hits) => hits.map(({ documentId }) => documentId).toSorted());
    };
    assert.deepEqual(await searchIn(['b']), [
      ['b', 'b'],
      ['b', 'b'],
    ]);
    assert.deepEqual(await searchIn(['c', 'none', "'", 'a']), [
      (await searchIn(['a', 'c']))[0],
      (await searchIn(['a', 'c']))[1],
    ]);
    assert.deepEqual(await searchIn([]), [[], []]);
    assert.deepEqual(await searchIn(['none']), [[], []]);
  });

  it('returns at most `limit` hits and refuses limits without sense', async () => {
    const tenant = await withDocument(...Array.from({ length: 12 }, (_, index) => makePoint('doc', index)));
    assert.deepEqual(countHits(await tenant.search(both('chunk', 5))), [5, 5]);
    assert.deepEqual(countHits(await tenant.search(both('chunk', 200))), [12, 12]);
    for (const limit of [0, -1, 1.5, NaN, 201]) {
      await assert.rejects(
        tenant.search(both('chunk', limit)),
        (error) => error instanceof RequestError && error.code === 'invalid_limit',
      );
    }
  });

  it('ranks nothing where nothing is asked', async () => {
    const tenant = await withDocument(makePoint('doc', 0));
    for (const text of ['', '   ', '?!', '*']) {
      assert.deepEqual(await tenant.search({ text, limit: 5 }), { dense: [], lexical: [] });
    }
    assert.deepEqual(await tenant.search({ limit: 5 }), { dense: [], lexical: [] });
  });

  it('takes any text as words, never as syntax', async () => {
    const tenant = await withDocument(makePoint('doc', 0, { text: 'alpha and near' }), makePoint('doc', 1));
    const hostile = [
      'alpha"',
      "alpha'",
      'alpha" OR "',
      'alpha AND',
      'NOT alpha',
      'NEAR(alpha, 5)',
      'terms:alpha',
      '{terms} : alpha',
      'alpha*',
      '^alpha',
      '(alpha',
      'alpha)',
      '-alpha',
      '+alpha',
      'alpha\0',
      '\0alpha',
      'alpha\\',
      'alpha; drop table tenants',
      'alpha \uD800',
      '😀 alpha',
      `alpha ${'"'.repeat(5_000)}`,
      `alpha ${'beta'.repeat(100_000)}`,
      `alpha ${Array.from({ length: 50_000 }, (_, i) => `w${i}`).join(' ')}`,
    ];
    for (const text of hostile) {
      const { lexical } = await tenant.search({ text, limit: 5 });
      assert.deepEqual(
        lexical.map(({ index }) => index),
        [0],
        text.slice(0, 40),
      );
    }
  });

  it('stores hostile text and names as they are', async () => {
    const names = ["d'oc", 'd"oc', 'doc; --', '%', '文档/../x', 'NULL'];
    const tenant = await withDocument(
      ...names.map((id) => makePoint(id, 0, { text: `body "' ${id} \0 end` })),
    );
    for (const id of names) {
      const { lexical } = await tenant.search({ ...both('body'), filter: { documents: [id] } });
      assert.deepEqual(
        lexical.map((hit) => [hit.documentId, hit.text]),
        [[id, `body "' ${id} \0 end`]],
      );
    }
  });
}
