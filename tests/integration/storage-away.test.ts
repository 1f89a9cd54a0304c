import assert from 'node:assert/strict';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { admissionKeys } from '@sluice/shared/redis/keys';
import { Redis } from 'ioredis';
import { dataOf, errorOf, uploadAndWait } from '../helpers/api.ts';
import { batchesAt, formOf } from '../helpers/batches.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

describe('while the storage of files is away', () => {
  let stack: TestStack;
  let batches: ReturnType<typeof batchesAt>;
  before(async () => {
    stack = await startStack({ services: ['ingest-worker'] });
    batches = batchesAt(stack.url);
  });
  after(() => stack[Symbol.asyncDispose]());

  /** Puts a file in the place of the folder of blobs; `work` is given the document that was kept before. */
  const whileAway = async (work: (kept: string) => Promise<void>) => {
    const blobs = join(stack.dataDir, 'blobs');
    const kept = await dataOf<{ id: string }>(
      await uploadAndWait(stack.url, 'first.md', 'so that the folder is there'),
    );
    await rename(blobs, `${blobs}.kept`);
    await writeFile(blobs, '');
    try {
      await work(kept.id);
    } finally {
      await rm(blobs);
      await rename(`${blobs}.kept`, blobs);
    }
  };

  it('an upload says so, and the same bytes are taken afterwards', async () => {
    await whileAway(async (kept) => {
      const refused = await uploadAndWait(stack.url, 'a.md', 'to be kept later');
      assert.deepEqual([refused.status, (await errorOf(refused)).code], [503, 'blob_store_unavailable']);
      const redis = new Redis(stack.redis.url);
      const { open, waiting } = admissionKeys('ingest');
      const places = [...(await redis.zrange(open, 0, -1)), ...(await redis.zrange(waiting, 0, -1))];
      redis.disconnect();
      assert.deepEqual(
        places.filter((place) => !place.includes(kept)),
        [],
        'it has no place any more',
      );
    });
    const { status } = await dataOf<{ status: string }>(
      await uploadAndWait(stack.url, 'a.md', 'to be kept later'),
    );
    assert.equal(status, 'ready');
  });

  it('a file of a batch fails, and is taken when it is sent to the batch again', async () => {
    const { id } = await batches.create({});
    const send = async () => (await batches.send(formOf({ 'b.md': 'bytes of a batch' }), id)).items[0];
    await whileAway(async () => {
      const failed = await send();
      assert.deepEqual([failed?.status, failed?.error?.code], ['failed', 'storage_unavailable']);
    });
    const sent = await send();
    assert.deepEqual([sent?.status, sent?.error], ['pending', undefined]);
    await batches.act(id, 'close');
    const ended = await batches.ended(id);
    assert.deepEqual([ended.items, ended.counts.ready], [1, 1]);
  });
});
