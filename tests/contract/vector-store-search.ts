import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RequestError } from '@sluice/shared/errors';
import type { Point, SearchFilter, TenantVectors } from '@sluice/shared/vector-store/port';
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

  it('keeps to collections and labels, and to all parts of a filter together', async () => {
    const tenant = await withDocument(
      makePoint('a', 0, { collection: 'hr', labels: ['year=2025', 'team=红'] }),
      makePoint('b', 0, { collection: 'hr', labels: ['year=2026', 'team=蓝', 'team=红'] }),
      makePoint('c', 0, { collection: 'it', labels: ['year=2026', 'quote=\'"'] }),
    );
    const searchIn = async (filter: SearchFilter) => {
      const { dense, lexical } = await tenant.search({ ...both('chunk'), filter });
      const [left, right] = [dense, lexical].map((hits) => hits.map((hit) => hit.documentId).toSorted());
      assert.deepEqual(left, right);
      return left?.join('');
    };
    assert.equal(await searchIn({}), 'abc');
    assert.equal(await searchIn({ collections: ['hr'] }), 'ab');
    assert.equal(await searchIn({ collections: ['it', 'none'] }), 'c');
    assert.equal(await searchIn({ collections: [] }), '');
    assert.equal(await searchIn({ labels: [['year=2026']] }), 'bc');
    assert.equal(await searchIn({ labels: [['year=2025', 'year=2026'], ['team=红']] }), 'ab');
    assert.equal(await searchIn({ labels: [['quote=\'"']] }), 'c');
    assert.equal(await searchIn({ labels: [['year=20']] }), '');
    assert.equal(await searchIn({ labels: [[], ['team=红']] }), '');
    assert.equal(
      await searchIn({ collections: ['hr'], documents: ['b', 'c'], labels: [['year=2026']] }),
      'b',
    );
  });

  it('takes new labels for a document that is there, of every version', async () => {
    const tenant = await withDocument(makePoint('a', 0, { labels: ['old=1'] }), makePoint('b', 0));
    await tenant.upsert([makePoint('a', 0, { version: 2, labels: ['old=1'] })]);
    await tenant.relabel('a', ['new=1']);
    const find = async (label: string) =>
      (await tenant.search({ ...both('chunk'), filter: { labels: [[label]] } })).dense.map((hit) => [
        hit.documentId,
        hit.version,
      ]);
    assert.deepEqual([await find('old=1'), await find('new=1')], [[], [['a', 1]]]);
    await tenant.activate('a', 2);
    assert.deepEqual(await find('new=1'), [['a', 2]]);
  });

  it('reads active chunks by their addresses', async () => {
    const tenant = await withDocument(
      ...[0, 1, 2].map((index) =>
        makePoint('a', index, { headings: ['标题'], start: index, labels: ['x=1'] }),
      ),
    );
    await tenant.upsert([makePoint('a', 0, { version: 2 })]);
    const refs = [
      { documentId: 'a', version: 1, index: 1 },
      { documentId: 'a', version: 1, index: 9 },
      { documentId: 'a', version: 2, index: 0 },
      { documentId: "'", version: 1, index: 0 },
    ];
    const {
      vector: _vector,
      indexedText: _indexedText,
      ...chunk
    } = makePoint('a', 1, {
      headings: ['标题'],
      start: 1,
      labels: ['x=1'],
    });
    assert.deepEqual(await tenant.read(refs), [chunk]);
    assert.deepEqual(await tenant.read([]), []);
    assert.deepEqual(await newTenant().read(refs), []);
  });

  it('lists every version that has points', async () => {
    const tenant = await withDocument(makePoint('a', 0), makePoint('a', 1), makePoint('b', 0));
    await tenant.upsert([makePoint('a', 0, { version: 2 })]);
    const listed = async (vectors: TenantVectors) =>
      (await Array.fromAsync(vectors.versions()))
        .map(({ documentId, version, active }) => `${documentId}${version} ${active}`)
        .toSorted();
    assert.deepEqual(await listed(tenant), ['a1 true', 'a2 false', 'b1 true']);
    assert.deepEqual(await listed(newTenant()), []);
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
