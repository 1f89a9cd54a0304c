import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Document } from '@sluice/shared/contracts/knowledge';
import { openDocuments } from '@sluice/shared/documents';
import type { DocumentRegistry } from '@sluice/shared/documents';
import { createLogger } from '@sluice/shared/logger';
import { closeRedis, connectRedis } from '@sluice/shared/redis/connection';
import type { RedisClient } from '@sluice/shared/redis/connection';
import type { VectorSpace } from '@sluice/shared/vector-store/names';
import { openVectorStore } from '@sluice/shared/vector-store/open';
import type { VectorStore } from '@sluice/shared/vector-store/port';
import { openServingStore } from '@sluice/shared/vector-store/serving';
import { openSpaces } from '@sluice/shared/vector-store/spaces';
import { copyMissing, startIndexBuilder } from '../../services/ingest-worker/src/build-index.ts';
import type { BuilderDeps } from '../../services/ingest-worker/src/build-index.ts';
import { makePoint } from '../contract/vector-store-fixtures.ts';
import { waitFor } from '../helpers/poll.ts';
import { startRedis } from '../helpers/redis.ts';
import type { TestRedis } from '../helpers/redis.ts';

const TENANT = 'default';
const OLD: VectorSpace = { model: 'old', dimensions: 4 };
const NEW: VectorSpace = { model: 'new', dimensions: 4 };
const logger = createLogger({ service: 'test', level: 'silent' });

describe('building an index', () => {
  const cleanup = new AsyncDisposableStack();
  let server: TestRedis;
  let redis: RedisClient;
  let documents: DocumentRegistry;
  let source: VectorStore;
  let target: VectorStore;
  let deps: BuilderDeps;

  before(async () => {
    server = cleanup.use(await startRedis());
    redis = cleanup.adopt(
      connectRedis({ url: server.url, role: 'worker', service: 'test', logger }),
      closeRedis,
    );
    documents = openDocuments(redis);
    const dataDir = await mkdtemp(join(tmpdir(), 'sluice-index-'));
    cleanup.defer(() => rm(dataDir, { recursive: true, force: true }));
    const openStore = (space: VectorSpace) => openVectorStore({ dataDir, ...space });
    source = cleanup.use(await openStore(OLD));
    target = cleanup.use(await openStore(NEW));
    const embed = (texts: readonly string[]) => Promise.resolve(texts.map(() => Float32Array.of(1, 1, 0, 0)));
    deps = {
      redis,
      spaces: openSpaces(redis),
      configured: NEW,
      openStore,
      documents,
      model: { embed },
      logger,
    };
  });
  after(() => cleanup.disposeAsync());

  /** A document that is ready, with one point in a store. */
  async function addReady(store: VectorStore, hash: string, metadata: Document['metadata'] = {}) {
    const { document } = await documents.plan({
      tenant: TENANT,
      filename: `${hash}.md`,
      collection: 'default',
      replace: 'none',
      metadata,
      type: 'markdown',
      bytes: 1,
      hash,
    });
    await documents.register(document);
    const owner = { version: 1, attempt: 1 };
    await documents.update(TENANT, document.id, owner, { status: 'ready', indexed_version: 1, chunks: 1 });
    const vectors = store.forTenant(TENANT);
    await vectors.upsert([makePoint(document.id, 0)]);
    await vectors.activate(document.id, 1);
    return document.id;
  }
  const copy = () => copyMissing(deps, source, target, new AbortController().signal);
  const labelsIn = async (store: VectorStore, documentId: string) =>
    (await store.forTenant(TENANT).read([{ documentId, version: 1, index: 0 }]))[0]?.labels;

  it('copies what the registry says is searchable, with the metadata that it says, and nothing else', async () => {
    const id = await addReady(source, 'a', { state: 'draft' });
    const orphan = source.forTenant(TENANT);
    for (let n = 0; n < 30; n += 1) {
      await orphan.upsert([makePoint(`doc_orphan${n}`, 0)]);
      await orphan.activate(`doc_orphan${n}`, 1);
    }
    assert.equal(await copy(), 1, 'what is declined does not count: building would never end');
    assert.equal(await target.forTenant(TENANT).count(), 1);
    assert.deepEqual(await labelsIn(target, id), ['state=draft']);

    // Changed after the switch: the old index does not hear of it.
    await documents.describe(TENANT, id, { state: 'final' });
    await target.forTenant(TENANT).relabel(id, ['state=final']);
    assert.equal(await copy(), 0);
    assert.deepEqual(await labelsIn(target, id), ['state=final']);
  });

  it('follows what still ends in the index that served before, whoever has made the switch', async () => {
    await deps.spaces.want(OLD);
    await deps.spaces.want(NEW);
    assert.ok(await deps.spaces.switchTo(NEW));
    const id = await addReady(source, 'late');
    await using _builder = startIndexBuilder(deps);
    await waitFor(async () => (await target.forTenant(TENANT).count(id)) === 1, {
      what: 'the document to be in the new index',
      timeoutMs: 20_000,
    });
  });
});

describe('the store that serves', () => {
  it('is let go of while Redis is away, and so is the builder', async () => {
    const server = await startRedis();
    const redis = connectRedis({ url: server.url, role: 'worker', service: 'test', logger });
    const dataDir = await mkdtemp(join(tmpdir(), 'sluice-index-'));
    const open = (space: VectorSpace) => openVectorStore({ dataDir, ...space });
    const spaces = openSpaces(redis);
    try {
      const store = await openServingStore({ spaces, configured: OLD, open, logger });
      const builder = startIndexBuilder({
        redis,
        spaces,
        configured: OLD,
        openStore: open,
        documents: openDocuments(redis),
        model: { embed: () => assert.fail('nothing is to be embedded') },
        logger,
      });
      await server.kill();
      let isAsked = false;
      const read = redis.hsetnx.bind(redis);
      redis.hsetnx = ((...args: Parameters<typeof read>) => {
        isAsked = true;
        return read(...args);
      }) as typeof redis.hsetnx;
      await waitFor(() => isAsked, { what: 'a look that Redis does not answer' });
      await builder[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    } finally {
      redis.disconnect();
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
