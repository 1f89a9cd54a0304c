import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { blobKeys } from '@sluice/shared/blob-store';
import { openDiskStore } from '@sluice/shared/blob-store/disk';
import { ingestJobId } from '@sluice/shared/contracts/jobs';
import type { Document } from '@sluice/shared/contracts/knowledge';
import { openDocuments } from '@sluice/shared/documents';
import { createLogger } from '@sluice/shared/logger';
import { closeRedis, connectRedis } from '@sluice/shared/redis/connection';
import { openVectorStore } from '@sluice/shared/vector-store/open';
import type { VectorStore } from '@sluice/shared/vector-store/port';
import { ingestDocument } from '../../services/ingest-worker/src/ingest.ts';
import { startRedis } from '../helpers/redis.ts';

const TENANT = 'default';
const DIMENSIONS = 8;
const logger = createLogger({ service: 'test', level: 'silent' });
const FROM_OUTSIDE = Number.MAX_SAFE_INTEGER;
const error = { code: 'cancelled', message: 'The batch was cancelled before this version was indexed.' };

/** An ingest-worker in this process, whose store tells when a version has been activated. */
async function startWorker(cleanup: AsyncDisposableStack) {
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-late-'));
  cleanup.defer(() => rm(dataDir, { recursive: true, force: true }));
  const server = cleanup.use(await startRedis());
  const connect = (role: 'worker' | 'appender') =>
    cleanup.adopt(connectRedis({ url: server.url, role, service: 'test', logger }), closeRedis);
  const redis = connect('worker');
  const documents = openDocuments(redis);
  const blobs = openDiskStore(join(dataDir, 'blobs'));
  const store = cleanup.use(await openVectorStore({ dataDir, model: 'm', dimensions: DIMENSIONS }));
  const vectors = store.forTenant(TENANT);
  const appender = connect('appender');

  const ingest = async (document: Document, whenActivated: () => Promise<unknown> = async () => {}) => {
    const { id, version } = document;
    await blobs.putText(blobKeys.original(TENANT, id, version), 'text');
    const watched: VectorStore = {
      ...store,
      forTenant: () => ({
        ...vectors,
        async activate(...args) {
          await vectors.activate(...args);
          await whenActivated();
        },
      }),
    };
    const deps = {
      redis,
      appender,
      documents,
      blobs,
      store: watched,
      model: {
        embed: (texts: readonly string[]) =>
          Promise.resolve(texts.map(() => new Float32Array(DIMENSIONS).fill(1))),
        streamChat: () => assert.fail('no chat'),
      },
      cache: undefined,
      extractor: {
        extract: () => Promise.resolve({ text: 'text', syntax: 'plain' as const, pages: [] }),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      },
      chunking: { size: 500, overlap: 50 },
      logger,
    };
    const data = {
      tenant: TENANT,
      id: ingestJobId(document),
      caller: 'x',
      request_id: 'x',
      retention_ms: 60_000,
      document_id: id,
      version,
      filename: 'a.md',
      type: 'markdown' as const,
      collection: 'default',
      labels: [],
      blob_key: blobKeys.original(TENANT, id, version),
    };
    const job = { data, attempt: 1, isLastTry: false, signal: new AbortController().signal };
    await ingestDocument(deps, job);
    return documents.get(TENANT, id);
  };

  const register = async () => {
    const { document } = await documents.plan({
      tenant: TENANT,
      filename: 'a.md',
      collection: 'default',
      replace: 'none',
      metadata: {},
      type: 'markdown',
      bytes: 4,
      hash: 'a',
    });
    assert.ok(await documents.register(document));
    return document;
  };
  const registerNext = async (previous: Document) => {
    const next = documents.nextVersion(previous);
    assert.ok(await documents.register(next, previous));
    return next;
  };
  return { documents, blobs, vectors, ingest, register, registerNext };
}

describe('a version whose end comes when searches see it already, and the one before is gone', () => {
  it('is ready all the same when it is ended from outside', async () => {
    await using cleanup = new AsyncDisposableStack();
    const { documents, ingest, register } = await startWorker(cleanup);
    const document = await register();
    const owner = { version: 1, attempt: FROM_OUTSIDE };
    const {
      status,
      indexed_version,
      chunks,
      error: left,
    } = await ingest(document, () =>
      documents.update(TENANT, document.id, owner, { status: 'failed', error }),
    );
    assert.deepEqual([status, indexed_version, chunks, left], ['ready', 1, 1, undefined]);
  });

  it('serves on when there is a later version by now, also when that one fails', async () => {
    await using cleanup = new AsyncDisposableStack();
    const { documents, blobs, vectors, ingest, register, registerNext } = await startWorker(cleanup);
    const first = await ingest(await register());
    const second = await registerNext(first);
    const { id } = first;
    const third = await ingest(second, () => registerNext(second));
    assert.deepEqual([third.version, third.status, third.indexed_version], [3, 'queued', 2]);
    assert.deepEqual([await vectors.count(id, 1), await vectors.count(id, 2)], [0, 1]);
    assert.equal(await blobs.getText(blobKeys.text(TENANT, id, 2)), 'text');

    const owner = { version: 3, attempt: FROM_OUTSIDE };
    await documents.update(TENANT, id, owner, { status: 'failed', error });
    const found = await vectors.search({ text: 'text', limit: 5 });
    assert.deepEqual(
      found.lexical.map(({ version }) => version),
      [2],
    );
    const fourth = await ingest(await registerNext(await documents.get(TENANT, id)));
    assert.deepEqual([fourth.version, fourth.indexed_version], [4, 4]);
    await assert.rejects(
      blobs.getText(blobKeys.text(TENANT, id, 2)),
      'the files of what was replaced are gone',
    );
  });
});
