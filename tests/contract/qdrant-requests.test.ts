import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Schemas } from '@qdrant/js-client-rest';
import type { TenantVectors, VectorStore } from '@sluice/shared/vector-store/port';
import { openQdrantStore } from '@sluice/shared/vector-store/qdrant';
import { type FakeQdrant, type RecordedRequest, startFakeQdrant } from './fake-qdrant.ts';
import { loadRequestCheck } from './qdrant-openapi.ts';
import { DIMENSIONS, makePoint } from './vector-store-fixtures.ts';

const SPEC = join(import.meta.dirname, '../../../shared/qdrant/openapi-1.19.json');
const VECTOR = Float32Array.of(1, 0, 0, 0);
const TENANT = { key: 'tenant', match: { value: 'acme' } };

describe('requests of the Qdrant adapter', () => {
  let fake: FakeQdrant;
  let store: VectorStore;
  let tenant: TenantVectors;
  const open = (url = fake.url) =>
    openQdrantStore({ url, apiKey: 'secret', model: 'BAAI/bge-m3', dimensions: DIMENSIONS });

  beforeEach(async () => {
    fake = await startFakeQdrant();
    store = await open();
    tenant = store.forTenant('acme');
  });
  afterEach(async () => {
    await store[Symbol.asyncDispose]();
    await fake[Symbol.asyncDispose]();
  });

  async function driveEveryMethod(): Promise<void> {
    await store.ping();
    await tenant.upsert(
      Array.from({ length: 130 }, (_, index) => makePoint('doc', index, { page: 1, pageEnd: 2 })),
    );
    await tenant.activate('doc', 2);
    fake.answerWith(({ path }) => (path.endsWith('/count') ? { result: { count: 1 } } : undefined));
    await tenant.activate('doc', 1);
    await tenant.deleteDocument('doc');
    await tenant.deleteDocument('doc', 2);
    await Promise.all([tenant.count(), tenant.count('doc'), tenant.count('doc', 2)]);
    await tenant.search({
      vector: VECTOR,
      text: '如何部署 Qdrant?',
      limit: 200,
      filter: {
        documents: ['a', 'b'],
        collections: ['hr'],
        labels: [['year=2026', 'year=2025'], ['team=红']],
      },
    });
    await tenant.relabel('doc', ['year=2026']);
    await tenant.read([{ documentId: 'doc', version: 1, index: 3 }]);
    await Array.fromAsync(tenant.versions());
    await tenant.search({ text: 'deploy', limit: 1 });
  }

  const withSpec = { skip: existsSync(SPEC) ? false : `no OpenAPI file at ${SPEC}` };
  describe('against the OpenAPI description', withSpec, () => {
    it('are valid, all of them', async () => {
      const check = loadRequestCheck(SPEC);
      await driveEveryMethod();
      for (const request of fake.requests)
        assert.deepEqual(check(request), [], `${request.method} ${request.path}`);
      const kinds = new Set(
        fake.requests.map(({ method, path }) => `${method} ${path.replace(/sluice_[^/]+/, '*')}`),
      );
      assert.deepEqual(
        [...kinds],
        [
          'GET /collections/*/exists',
          'PUT /collections/*',
          'PUT /collections/*/index',
          'PUT /collections/*/points',
          'POST /collections/*/points/count',
          'POST /collections/*/points/batch',
          'POST /collections/*/points/delete',
          'POST /collections/*/points/query/batch',
          'POST /collections/*/points/payload',
          'POST /collections/*/points/scroll',
        ],
      );
    });

    it('are refused when a value, a property, a parameter or the path is wrong', async () => {
      const check = loadRequestCheck(SPEC);
      await driveEveryMethod();
      const requestTo = (end: string) => findRequest(fake, end);
      const create = requestTo('v3t1');
      const query = requestTo('/query/batch');
      const upsert = requestTo('/points');
      assert.deepEqual([create, query, upsert].flatMap(check), []);

      const corruptions: [request: RecordedRequest, at: string, value: unknown][] = [
        [create, 'vectors.dense.size', 0],
        [create, 'vectors.dense.memory', 'warm'],
        [create, 'strict_mode', { enabled: true }],
        [query, 'searches.0.filter.must.0.match', 'acme'],
        [query, 'searches.1.params.idf.corpora', {}],
        [query, 'searches.1.query.indices.0', -1],
        [upsert, 'points.0.id', 'no uuid'],
        [upsert, 'update_filtr', {}],
      ];
      for (const [request, at, value] of corruptions) {
        const corrupted = { ...request, body: structuredClone(request.body) };
        setAt(corrupted.body, at.split('.'), value);
        assert.notDeepEqual(check(corrupted), [], at);
      }
      assert.notDeepEqual(check({ ...query, path: '/collections/x/points/querry/batch' }), []);
      assert.notDeepEqual(check({ ...upsert, query: new URLSearchParams({ await: 'true' }) }), []);
    });
  });

  it('name the tenant in every filter, and have a filter wherever Qdrant would else take all', async () => {
    await driveEveryMethod();
    let filters = 0;
    for (const { path, body } of fake.requests) {
      for (const filter of findFilters(body)) {
        assert.deepEqual((filter as { must: unknown[] }).must[0], TENANT, path);
        filters++;
      }
      if (!/\/points(\/|$)/.test(path)) continue;
      for (const part of listSelections(path, body)) assert.ok(findFilters(part).length > 0, path);
    }
    assert.ok(filters > 15);
    const points = fake.requests
      .filter(({ path }) => path.endsWith('/points'))
      .flatMap(({ body }) => readPoints(body));
    assert.ok(
      points.length === 130 &&
        points.every(({ payload }) => payload?.['tenant'] === 'acme' && payload['active'] === false),
    );
    assert.equal(new Set(points.map(({ id }) => id)).size, 130);
  });

  it('wait for every write to be applied, and carry the key', async () => {
    await driveEveryMethod();
    const writes = fake.requests.filter(({ path }) => /\/(index|points|points\/(delete|batch))$/.test(path));
    assert.ok(writes.length >= 9);
    for (const { path, query } of writes) assert.equal(query.get('wait'), 'true', path);
    for (const { apiKey } of fake.requests) assert.equal(apiKey, 'secret');
  });

  it('activate a version with one ordered batch: first the new one, then away with the lower ones', async () => {
    await tenant.activate('doc', 3);
    const { path, body } = fake.requests.at(-1)!;
    assert.match(path, /\/points\/batch$/);
    const document = { key: 'document', match: { value: 'doc' } };
    assert.deepEqual(body, {
      operations: [
        {
          set_payload: {
            payload: { active: true },
            filter: { must: [TENANT, document, { key: 'version', match: { value: 3 } }] },
          },
        },
        { delete: { filter: { must: [TENANT, document, { key: 'version', range: { lt: 3 } }] } } },
      ],
    });
  });

  it('never overwrite a point that is active', async () => {
    await tenant.upsert([makePoint('doc', 0)]);
    const { update_filter } = fake.requests.at(-1)!.body as { update_filter: unknown };
    assert.deepEqual(update_filter, { must: [TENANT, { key: 'active', match: { value: false } }] });
  });

  it('search active points only, with the word statistics of the tenant', async () => {
    await tenant.search({ vector: VECTOR, text: 'word', limit: 5, filter: { documents: ['a'] } });
    const { searches } = fake.requests.at(-1)!.body as { searches: Schemas['QueryRequest'][] };
    const must = [
      TENANT,
      { key: 'active', match: { value: true } },
      { key: 'document', match: { any: ['a'] } },
    ];
    assert.deepEqual(
      searches.map(({ filter }) => filter),
      [{ must }, { must }],
    );
    assert.deepEqual(searches[1]?.params?.idf, { corpus: { must: [TENANT] } });
  });

  it('ask for both rankings in one round trip', async () => {
    const before = fake.requests.length;
    await tenant.search({ vector: VECTOR, text: 'word', limit: 5 });
    assert.equal(fake.requests.length, before + 1);
    await tenant.search({ text: '?!', limit: 5 });
    assert.equal(fake.requests.length, before + 1, 'nothing to ask, nothing sent');
  });

  it('give hits whole, and drop the older of two versions', async () => {
    await tenant.upsert([makePoint('doc', 4, { gap: ' ', page: 2, pageEnd: 3, headings: ['A'] })]);
    const { payload } = readPoints(fake.requests.at(-1)!.body)[0]!;
    const makeHit = (score: number, changes: object) => ({
      id: 1,
      version: 9,
      score,
      payload: { ...payload, ...changes },
    });
    fake.answerWith(() => ({
      result: [
        {
          points: [
            makeHit(0.9, { version: 1 }),
            makeHit(0.8, { version: 2 }),
            makeHit(0.7, { document: 'other' }),
          ],
        },
        { points: [makeHit(5, { version: 1 })] },
      ],
    }));
    const { dense, lexical } = await tenant.search({ vector: VECTOR, text: 'word', limit: 5 });
    const { vector: _vector, indexedText: _indexedText, ...chunk } = makePoint('doc', 4);
    const whole = { ...chunk, gap: ' ', page: 2, pageEnd: 3, headings: ['A'] };
    assert.deepEqual(dense, [
      { ...whole, version: 2, score: 0.8 },
      { ...whole, documentId: 'other', score: 0.7 },
    ]);
    assert.deepEqual(lexical, []);
  });

  it('honour the path of the URL', async () => {
    await using other = await open(`${fake.url}/behind/proxy/`);
    await other.ping();
    assert.match(
      fake.requests.at(-1)!.path,
      /^\/behind\/proxy\/collections\/sluice_baai-bge-m3_4_\w+\/exists$/,
    );
  });

  it('leave an existing collection as it is, also when another process creates it meanwhile', async () => {
    const isCreation = ({ method, path }: RecordedRequest) =>
      method === 'PUT' && /^\/collections\/[^/]+$/.test(path);
    fake.requests.length = 0;
    fake.answerWith(({ path }) => (path.endsWith('/exists') ? { result: { exists: true } } : undefined));
    await (await open()).ping();
    assert.equal(fake.requests.filter(isCreation).length, 0);

    fake.answerWith((request) =>
      isCreation(request) ? { status: 409, error: 'already exists' } : undefined,
    );
    await (await open()).ping();
    assert.equal(fake.requests.filter(isCreation).length, 1);
  });
});

/** Parts of a request that select points, each of which must have a filter. */
function listSelections(path: string, body: unknown): unknown[] {
  const { searches, operations } = body as { searches: unknown[]; operations: unknown[] };
  if (path.endsWith('/query/batch')) return searches;
  if (path.endsWith('/points/batch')) return operations;
  return [body];
}

/** Every filter within a request: under `filter`, `update_filter` and `corpus`. */
function findFilters(node: unknown): unknown[] {
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) =>
    /^(filter|update_filter|corpus)$/.test(key) ? [value] : findFilters(value),
  );
}

function readPoints(body: unknown): Schemas['PointStruct'][] {
  return (body as { points: Schemas['PointStruct'][] }).points;
}

function findRequest({ requests }: FakeQdrant, end: string): RecordedRequest {
  const request = requests.find(({ path }) => path.endsWith(end));
  assert.ok(request, `no request to ${end}`);
  return request;
}

function setAt(node: unknown, [key, ...rest]: string[], value: unknown): void {
  const parent = node as Record<string, unknown>;
  assert.ok(key);
  if (rest.length === 0) parent[key] = value;
  else setAt(parent[key], rest, value);
}
