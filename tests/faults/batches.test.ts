import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, it } from 'node:test';
import type { Document } from '@sluice/shared/contracts/knowledge';
import { batchKeys } from '@sluice/shared/redis/keys';
import { Redis } from 'ioredis';
import { dataOf } from '../helpers/api.ts';
import { batchesAt, formOf } from '../helpers/batches.ts';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';
import { startTcpProxy } from '../helpers/tcp-proxy.ts';

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

  /**
   * What the scripts counted when items ended, one that ends twice twice: batch -> ten seconds of time -> the most that
   * was seen. They forget what is older than 70 s.
   */
  const ends = new Map<string, Map<string, number>>();
  /** A batch as it is now. */
  const look = async (id: string) => {
    const batch = await batchesAt(stack.url).get(id);
    const slots = ends.get(id) ?? new Map<string, number>();
    ends.set(id, slots);
    for (const [field, count] of Object.entries(await redis.hgetall(batchKeys('default', id).batch)))
      if (field.startsWith('s ')) slots.set(field, Math.max(slots.get(field) ?? 0, Number(count)));
    return batch;
  };
  /** Every file ends `ready`, once, and is one document. */
  const checkEnd = async (id: string) => {
    const batch = await waitFor(
      async () => {
        const now = await look(id);
        return now.ended_at === undefined ? undefined : now;
      },
      { timeoutMs: 60_000, what: 'the batch to end' },
    );
    assert.deepEqual(
      [batch.state, batch.items, batch.counts.ready],
      ['done', FILES, FILES],
      JSON.stringify(batch.counts),
    );
    const items = await batchesAt(stack.url).items(id);
    assert.equal(new Set(items.map((item) => item.document_id)).size, FILES);
    const documents = await Promise.all(
      items.map(async ({ document_id }) =>
        dataOf<Document>(await fetch(`${stack.url}/api/knowledge/documents/${document_id}`)),
      ),
    );
    assert.ok(documents.every(({ status, batch: of }) => status === 'ready' && of === id));
    await look(id);
    const counts = [...(ends.get(id)?.values() ?? [])];
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      FILES,
      'each settled once',
    );
  };

  it('loses and doubles nothing when the gateway is killed in the middle of an upload', async () => {
    const first = await stack.start('gateway');
    const { id } = await batchesAt(first.url).create({ name: 'killed upload' });
    const form = () => formOf(filesOf('upload'));
    const broken = assert.rejects(sendHalf(`${batchesAt(first.url).base}/${id}/files`, form()));
    await waitFor(async () => (await look(id)).items > 20, { what: 'the upload to be under way' });
    await first.kill();
    await broken;
    const { items } = await look(id);
    assert.ok(items < FILES, `it was killed after ${items}`);

    // The client sends it all again, to another gateway.
    const { items: again } = await batchesAt(stack.url).send(form(), id);
    assert.equal(again.length, FILES);
    await batchesAt(stack.url).act(id, 'close');
    await checkEnd(id);
  });

  it('feeds on when the gateway is killed while it feeds', async () => {
    await using proxy = await startTcpProxy(() => stack.redis.port, Math.random);
    const REDIS_URL = `redis://127.0.0.1:${proxy.port}`;
    const first = await stack.start('gateway', { BATCH_WINDOW: String(FILES), REDIS_URL });
    const { id } = await batchesAt(stack.url).create({});
    await batchesAt(stack.url).act(id, 'pause');
    await batchesAt(stack.url).send(formOf(filesOf('feed')), id);
    await batchesAt(stack.url).act(id, 'close');
    // Three turns of six commands one after the other: a second, in which it is killed.
    proxy.set({ kind: 'delay', ms: 30, jitterMs: 0 });
    const resumed = assert.rejects(batchesAt(first.url).act(id, 'resume'));
    await waitFor(async () => (await look(id)).counts.pending < FILES, { what: 'the feeding to begin' });
    await first.kill();
    await resumed;
    await checkEnd(id);
  });

  it('goes on when workers are killed, again and again', async () => {
    const { batch } = await batchesAt(stack.url).send(formOf(filesOf('work')));
    let worker = stack.services.find((service) => service.logs().includes('ingest-worker ready'));
    assert.ok(worker);
    for (const share of [0.2, 0.5, 0.8]) {
      const reached = async () => (await look(batch.id)).counts.ready > FILES * share;
      await waitFor(reached, { what: `${share} of the batch`, timeoutMs: 40_000 });
      await worker.kill();
      worker = await stack.start('ingest-worker');
    }
    await checkEnd(batch.id);
  });

  it('outlives Redis: what was answered is there after its restart', async () => {
    const { batch } = await batchesAt(stack.url).send(formOf(filesOf('redis')));
    await stack.redis.kill();
    await delay(300);
    await stack.redis.restart();
    await waitFor(async () => (await look(batch.id)).items === FILES, {
      what: 'the gateway to find Redis again',
    });
    await checkEnd(batch.id);
  });
});

/** Sends the first half of a form and no more; settles when the connection ends. */
async function sendHalf(url: string, form: FormData): Promise<Response> {
  const whole = new Response(form);
  const type = whole.headers.get('content-type') ?? '';
  const bytes = new Uint8Array(await whole.arrayBuffer());
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(bytes.subarray(0, bytes.length / 2)),
  });
  return fetch(url, { method: 'POST', body, duplex: 'half', headers: { 'content-type': type } });
}
