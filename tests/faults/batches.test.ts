import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, it } from 'node:test';
import type { Batch } from '@sluice/shared/contracts/batches';
import type { Document } from '@sluice/shared/contracts/knowledge';
import { batchKeys } from '@sluice/shared/redis/keys';
import { Redis } from 'ioredis';
import { dataOf } from '../helpers/api.ts';
import { batchesAt, formOf } from '../helpers/batches.ts';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const FILES = 120;
const filesOf = (name: string) =>
  Object.fromEntries(
    Array.from({ length: FILES }, (_, i) => [
      `${name}/第${i}篇.md`,
      `# ${name} ${i}\n\n这是 ${name} 的第 ${i} 篇。`,
    ]),
  );

describe('batches under faults', () => {
  let stack: TestStack;
  let redis: Redis;
  before(async () => {
    stack = await startStack({ services: ['ingest-worker'], env: { BATCH_WINDOW: '40' } });
    redis = new Redis(stack.redis.url);
    // One of the tests ends it for a while.
    redis.on('error', () => {});
  });
  after(async () => {
    redis.disconnect();
    await stack[Symbol.asyncDispose]();
  });

  /** Every file has ended `ready`, once, and is one document. */
  const checkEnd = async (url: string, batch: Batch) => {
    assert.deepEqual(
      [batch.state, batch.items, batch.counts.ready],
      ['done', FILES, FILES],
      JSON.stringify(batch.counts),
    );
    const items = await batchesAt(url).items(batch.id);
    assert.equal(new Set(items.map((item) => item.document_id)).size, FILES);
    const documents = await Promise.all(
      items.map(async ({ document_id }) =>
        dataOf<Document>(await fetch(`${url}/api/knowledge/documents/${document_id}`)),
      ),
    );
    assert.ok(documents.every(({ status, batch: of }) => status === 'ready' && of === batch.id));
    assert.equal(await countEnds(batch.id), FILES, 'each settled once');
  };
  /** What the script counted when an item ended: it would count one that ends twice twice. */
  const countEnds = async (id: string) => {
    const fields = await redis.hgetall(batchKeys('default', id).batch);
    const counts = Object.entries(fields).filter(([field]) => field.startsWith('s '));
    return counts.reduce((sum, [, count]) => sum + Number(count), 0);
  };

  it('loses and doubles nothing when the gateway is killed in the middle of an upload', async () => {
    const first = await stack.start('gateway');
    const { id } = await batchesAt(first.url).create({ name: 'killed upload' });
    const form = () => formOf(filesOf('upload'));
    const broken = batchesAt(first.url).send(form(), id);
    broken.catch(() => {});
    const reached = async () => (await batchesAt(stack.url).get(id)).items > 20;
    await waitFor(reached, { what: 'the upload to be under way' });
    await first.kill();
    await assert.rejects(broken);
    const { items } = await batchesAt(stack.url).get(id);
    assert.ok(items < FILES, `it was killed after ${items}`);

    // The client sends it all again, to another gateway.
    const { items: again } = await batchesAt(stack.url).send(form(), id);
    assert.equal(again.length, FILES);
    await batchesAt(stack.url).act(id, 'close');
    await checkEnd(stack.url, await batchesAt(stack.url).ended(id));
  });

  it('feeds on when the gateway is killed while it feeds', async () => {
    const first = await stack.start('gateway', { BATCH_WINDOW: String(FILES) });
    const { id } = await batchesAt(stack.url).create({});
    await batchesAt(stack.url).act(id, 'pause');
    await batchesAt(stack.url).send(formOf(filesOf('feed')), id);
    await batchesAt(stack.url).act(id, 'close');
    const resumed = batchesAt(first.url).act(id, 'resume');
    resumed.catch(() => {});
    const begun = async () => (await batchesAt(stack.url).get(id)).counts.pending < FILES;
    await waitFor(begun, { what: 'the feeding to begin' });
    await first.kill();
    await checkEnd(stack.url, await batchesAt(stack.url).ended(id));
  });

  it('goes on when workers are killed, again and again', async () => {
    const { batch } = await batchesAt(stack.url).send(formOf(filesOf('work')));
    let worker = stack.services.find((service) => service.logs().includes('ingest-worker ready'));
    for (const share of [0.2, 0.5, 0.8]) {
      const reached = async () => (await batchesAt(stack.url).get(batch.id)).counts.ready > FILES * share;
      await waitFor(reached, { what: `${share} of the batch`, timeoutMs: 40_000 });
      await worker?.kill();
      worker = await stack.start('ingest-worker');
    }
    await checkEnd(stack.url, await batchesAt(stack.url).ended(batch.id));
  });

  it('outlives Redis: what was answered is there after its restart', async () => {
    const { batch } = await batchesAt(stack.url).send(formOf(filesOf('redis')));
    await stack.redis.kill();
    await delay(300);
    await stack.redis.restart();
    await waitFor(async () => (await batchesAt(stack.url).get(batch.id)).items === FILES, {
      what: 'the gateway to find Redis again',
    });
    await checkEnd(stack.url, await batchesAt(stack.url).ended(batch.id));
  });
});
