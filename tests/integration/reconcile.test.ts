import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Redis } from 'ioredis';
import { openAdmission } from '@sluice/shared/admission/admission';
import { blobKeys, openBlobStore } from '@sluice/shared/blob-store';
import { openCollections } from '@sluice/shared/collections';
import type { Document } from '@sluice/shared/contracts/knowledge';
import { openDocuments } from '@sluice/shared/documents';
import { createLogger } from '@sluice/shared/logger';
import { openQueue } from '@sluice/shared/queues';
import { closeRedis, connectRedis } from '@sluice/shared/redis/connection';
import { documentKey } from '@sluice/shared/redis/keys';
import { openVectorStore } from '@sluice/shared/vector-store/open';
import type { TenantVectors } from '@sluice/shared/vector-store/port';
import type { GatewayDeps } from '../../services/gateway/src/context.ts';
import { reconcile } from '../../services/gateway/src/reconcile.ts';
import { makePoint } from '../contract/vector-store-fixtures.ts';
import { dataOf, uploadAndWait } from '../helpers/api.ts';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const TENANT = 'default';
const DIMENSIONS = 384;

describe('reconciling the registry with the vector store', () => {
  const cleanup = new AsyncDisposableStack();
  let stack: TestStack;
  let redis: Redis;
  let deps: GatewayDeps;
  let vectors: TenantVectors;

  before(async () => {
    stack = cleanup.use(await startStack({ services: ['ingest-worker'] }));
    const logger = createLogger({ service: 'test', level: 'silent' });
    redis = connectRedis({ url: stack.redis.url, role: 'commands', service: 'test', logger }) as Redis;
    cleanup.defer(() => closeRedis(redis));
    const store = cleanup.use(
      await openVectorStore({
        dataDir: stack.dataDir,
        model: 'offline-embedding',
        dimensions: DIMENSIONS,
        qdrantUrl: process.env['QDRANT_URL'],
      }),
    );
    await waitFor(() => redis.status === 'ready', { what: 'the connection' });
    // Only what the reconciler uses.
    deps = {
      commands: redis,
      documents: openDocuments(redis),
      collections: openCollections(redis),
      blobs: await openBlobStore({ DATA_DIR: stack.dataDir, S3_REGION: 'us-east-1' }),
      store,
      ingest: {
        queue: cleanup.use(openQueue('ingest', { redis, shards: 1, logger })),
        admission: openAdmission('ingest', redis, 1),
        limits: { queue: 100, tenant: 100 },
      },
      settings: { retentionMs: 60_000 },
      logger,
    } as unknown as GatewayDeps;
    vectors = store.forTenant(TENANT);
  });
  after(() => cleanup.disposeAsync());

  const ingest = async (name: string, text: string) => {
    const { id } = await dataOf<{ id: string }>(await uploadAndWait(stack.url, name, text));
    return deps.documents.get(TENANT, id);
  };
  const point = (documentId: string, index: number, version = 1) =>
    makePoint(documentId, index, { version, vector: new Float32Array(DIMENSIONS).fill(1) });

  it('finds nothing where nothing is wrong, and never anything in an empty registry', async () => {
    await vectors.upsert([point('doc_unknown', 0)]);
    assert.deepEqual(await reconcile(deps), { orphaned: 0, incomplete: 0, lost: 0 });
    assert.equal(await vectors.count(), 1);
    await vectors.deleteDocument('doc_unknown');
    await ingest('a.md', 'All is well with the 鸭嘴兽.');
    assert.deepEqual(await reconcile(deps), { orphaned: 0, incomplete: 0, lost: 0 });
  });

  it('deletes points that no document has, and versions that are replaced or failed, but none under way', async () => {
    const { id } = await ingest('b.md', 'A document of one chunk.');
    await vectors.upsert([point('doc_gone', 0), point('doc_gone', 1), point('doc_gone', 0, 2)]);
    // As a worker leaves it that was stopped, and went on when its version had been replaced.
    await vectors.upsert([point(id, 0, 2)]);
    assert.deepEqual(await reconcile(deps), { orphaned: 3, incomplete: 0, lost: 0 });
    assert.deepEqual([await vectors.count('doc_gone'), await vectors.count(id, 2)], [0, 0]);

    const document = await deps.documents.get(TENANT, id);
    const next = deps.documents.nextVersion(document);
    assert.equal(await deps.documents.register(next, document), true);
    await vectors.upsert([point(id, 0, 2)]);
    assert.deepEqual(await reconcile(deps), { orphaned: 0, incomplete: 0, lost: 0 });
    const error = { code: 'corrupt', message: 'x' };
    await deps.documents.update(TENANT, id, { version: 2, attempt: 1 }, { status: 'failed', error });
    assert.deepEqual(await reconcile(deps), { orphaned: 1, incomplete: 0, lost: 0 });
    assert.deepEqual([await vectors.count(id, 1), await vectors.count(id, 2)], [1, 0]);
  });

  it('ingests a document again whose points are not all there', async () => {
    const text = Array.from({ length: 40 }, (_, n) => `Sentence ${n} about the wombat.`).join(' ');
    const { id, chunks = 0 } = await ingest('c.md', text);
    assert.ok(chunks > 1);
    await vectors.deleteDocument(id);
    assert.deepEqual(await reconcile(deps), { orphaned: 0, incomplete: 1, lost: 0 });
    await waitFor(async () => (await deps.documents.get(TENANT, id)).indexed_version === 2, {
      what: 'the document to be ingested again',
    });
    assert.equal(await vectors.count(id, 2), chunks);
    assert.deepEqual(await reconcile(deps), { orphaned: 0, incomplete: 0, lost: 0 });
  });

  it('fails a document whose bytes are gone too, and goes on with the others', async () => {
    const other = await ingest('other.md', 'The quokka is whole again.');
    const broken = await ingest('broken.md', 'Nothing is left of the numbat.');
    await Promise.all([other, broken].map(({ id }) => vectors.deleteDocument(id)));
    await deps.blobs.deleteAll(blobKeys.version(TENANT, broken.id, 1));
    assert.equal((await reconcile(deps)).incomplete, 2);
    await waitFor(async () => (await deps.documents.get(TENANT, other.id)).indexed_version === 2, {
      what: 'the other one to be ingested again',
    });
    assert.equal((await deps.documents.get(TENANT, broken.id)).error?.code, 'storage_unavailable');
  });

  it('ends a document that has been on its way for long without a job', async () => {
    const document = await ingest('d.md', 'Soon to be lost.');
    const setBack = async (change: Partial<Document>) => {
      const { metadata: _metadata, ...rest } = document;
      await redis.hset(documentKey(TENANT, document.id), 'json', JSON.stringify({ ...rest, ...change }));
    };
    await setBack({ status: 'processing' });
    assert.equal((await reconcile(deps)).lost, 0, 'a young one may have its job soon');
    await setBack({ status: 'processing', updated_at: new Date(Date.now() - 3_600_000).toISOString() });
    assert.equal((await reconcile(deps)).lost, 1);
    const { status, error } = await deps.documents.get(TENANT, document.id);
    assert.deepEqual([status, error?.code], ['failed', 'worker_lost']);
  });
});
