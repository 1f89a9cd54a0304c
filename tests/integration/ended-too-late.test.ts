import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { blobKeys } from '@sluice/shared/blob-store';
import { openDiskStore } from '@sluice/shared/blob-store/disk';
import { ingestJobId } from '@sluice/shared/contracts/jobs';
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

describe('a version that is ended from outside', () => {
  it('too late, when searches see it already, is ready all the same: the one before is gone', async () => {
    await using cleanup = new AsyncDisposableStack();
    const dataDir = await mkdtemp(join(tmpdir(), 'sluice-late-'));
    cleanup.defer(() => rm(dataDir, { recursive: true, force: true }));
    const server = cleanup.use(await startRedis());
    const connect = (role: 'worker' | 'appender') =>
      cleanup.adopt(connectRedis({ url: server.url, role, service: 'test', logger }), closeRedis);
    const redis = connect('worker');
    const documents = openDocuments(redis);
    const blobs = openDiskStore(join(dataDir, 'blobs'));
    const store = cleanup.use(await openVectorStore({ dataDir, model: 'm', dimensions: DIMENSIONS }));
    const plan = await documents.plan({
      tenant: TENANT,
      filename: 'a.md',
      collection: 'default',
      replace: 'none',
      metadata: {},
      type: 'markdown',
      bytes: 4,
      hash: 'a',
    });
    const { document } = plan;
    await documents.register(document);
    await blobs.putText(blobKeys.original(TENANT, document.id, 1), 'text');

    const owner = { version: 1, attempt: Number.MAX_SAFE_INTEGER };
    const error = { code: 'cancelled', message: 'The batch was cancelled before this version was indexed.' };
    const vectors = store.forTenant(TENANT);
    const endedAfterActivation: VectorStore = {
      ...store,
      forTenant: () => ({
        ...vectors,
        async activate(id, version) {
          await vectors.activate(id, version);
          await documents.update(TENANT, id, owner, { status: 'failed', error });
        },
      }),
    };
    const id = ingestJobId(document);
    await ingestDocument(
      {
        redis,
        appender: connect('appender'),
        documents,
        blobs,
        store: endedAfterActivation,
        model: {
          embed: (texts) => Promise.resolve(texts.map(() => new Float32Array(DIMENSIONS).fill(1))),
          streamChat: () => assert.fail('no chat'),
        },
        cache: undefined,
        extractor: {
          extract: () => Promise.resolve({ text: 'text', syntax: 'plain', pages: [] }),
          [Symbol.asyncDispose]: () => Promise.resolve(),
        },
        chunking: { size: 500, overlap: 50 },
        retentionMs: 60_000,
        logger,
      },
      {
        data: {
          tenant: TENANT,
          id,
          caller: 'x',
          request_id: 'x',
          retention_ms: 60_000,
          document_id: document.id,
          version: 1,
          filename: 'a.md',
          type: 'markdown',
          collection: 'default',
          labels: [],
          blob_key: blobKeys.original(TENANT, document.id, 1),
        },
        attempt: 1,
        isLastTry: false,
        signal: new AbortController().signal,
      },
    );
    const { status, indexed_version, chunks, error: left } = await documents.get(TENANT, document.id);
    assert.deepEqual([status, indexed_version, chunks, left], ['ready', 1, 1, undefined]);
  });
});
