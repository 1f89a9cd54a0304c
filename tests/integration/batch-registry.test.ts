import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBatches } from '@sluice/shared/batches/batches';
import type { BatchRegistry } from '@sluice/shared/batches/batches';
import { BATCH_ITEM_STATUSES } from '@sluice/shared/contracts/batches';
import type { BatchItem } from '@sluice/shared/contracts/batches';
import { activeBatchesKey, batchIndexKey, batchKeys } from '@sluice/shared/redis/keys';
import { Redis } from 'ioredis';
import { checkSum } from '../helpers/batches.ts';
import { startRedis } from '../helpers/redis.ts';
import type { TestRedis } from '../helpers/redis.ts';

const RETENTION_MS = 60_000;
let nextId = 0;

describe('registry of batches', () => {
  let server: TestRedis;
  let redis: Redis;
  let batches: BatchRegistry;
  before(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
    batches = openBatches(redis);
  });
  after(async () => {
    redis.disconnect();
    await server.stop();
  });

  const create = async (tenant = 'default', id = `batch_${nextId++}`) => {
    await batches.create(tenant, {
      id,
      collection: 'default',
      replace: 'none',
      metadata: {},
      created_at: new Date().toISOString(),
      caller: 'batch 127.0.0.1',
      request_id: 'request',
      retention_ms: RETENTION_MS,
    });
    return { tenant, id };
  };
  const itemOf = (id: string, status: BatchItem['status'] = 'pending'): BatchItem => ({
    id,
    filename: `${id}.md`,
    status,
    bytes: 10,
    document_id: `doc_${id}`,
    version: 1,
    added_at: new Date().toISOString(),
  });
  const ttls = async ({ tenant, id }: { tenant: string; id: string }) => {
    const keys = batchKeys(tenant, id);
    const all = [keys.batch, keys.items, ...BATCH_ITEM_STATUSES.map((status) => keys.ofStatus(status))];
    const found = await Promise.all(all.map((key) => redis.pttl(key)));
    return found.filter((ttl) => ttl !== -2);
  };

  it('keeps a batch for its time after its end, and as long as it takes before', async () => {
    const address = await create();
    assert.ok(
      (await ttls(address)).every((ttl) => ttl > 0),
      'one that is never used goes by itself',
    );
    await batches.add(address, itemOf('a'));
    assert.ok((await ttls(address)).every((ttl) => ttl === -1));
    await batches.setFlag(address, 'closed', true);
    await batches.move(address, 'a', { from: ['pending'], to: 'failed', version: 1 });
    assert.ok((await batches.get(address)).batch.ended_at);
    assert.ok((await ttls(address)).every((ttl) => ttl > 0 && ttl <= RETENTION_MS));
    assert.equal(await batches.retry(address, [{ id: 'a', version: 2 }]), 1);
    assert.equal((await batches.get(address)).batch.ended_at, undefined);
    assert.ok((await ttls(address)).every((ttl) => ttl === -1));
    assert.equal((await batches.item(address, 'a'))?.version, 2);
  });

  it('forgets which batches are active only when they have ended, whatever comes in between', async () => {
    const address = await create('acting');
    await batches.add(address, itemOf('a'));
    await batches.setFlag(address, 'closed', true);
    await batches.move(address, 'a', { from: ['pending'], to: 'failed', version: 1 });
    await batches.deactivate(address);
    assert.deepEqual(await batches.active('acting'), []);
    // A gateway saw that it had ended before it was given another turn.
    await batches.retry(address, [{ id: 'a', version: 2 }]);
    await batches.deactivate(address);
    assert.deepEqual(await batches.active('acting'), [address.id]);
  });

  it('finishes what a create that broke off has left', async () => {
    const address = await create('broken');
    await redis.del(batchIndexKey('broken'), activeBatchesKey('broken'));
    await create('broken', address.id);
    assert.deepEqual(await batches.active('broken'), [address.id]);
    assert.equal((await batches.list('broken', { limit: 10 })).total, 1);
  });

  it('gives nothing out while it is paused, whoever asks', async () => {
    const address = await create();
    await batches.add(address, itemOf('a'));
    await batches.setFlag(address, 'paused', true);
    assert.deepEqual(await batches.take(address, { window: 10, count: 10 }), []);
    await batches.setFlag(address, 'paused', false);
    assert.equal((await batches.take(address, { window: 10, count: 10 })).length, 1);
  });

  it('closes what nothing was added to for long, and nothing else', async () => {
    const address = await create();
    await batches.closeWhenIdle(address, 3_600_000);
    assert.equal((await batches.get(address)).batch.open, true);
    await batches.closeWhenIdle(address, 0);
    assert.deepEqual((await batches.get(address)).batch.state, 'done');
  });

  it('moves an item once, whoever says it, and hears nobody who speaks of another version', async () => {
    const address = await create();
    await batches.add(address, itemOf('a', 'queued'));
    const ready = { from: ['queued'], to: 'ready' } as const;
    assert.equal(await batches.move(address, 'a', { ...ready, version: 2 }), false);
    const moved = await Promise.all(
      Array.from({ length: 20 }, () => batches.move(address, 'a', { ...ready, version: 1 })),
    );
    assert.equal(moved.filter(Boolean).length, 1);
    const { batch } = await batches.get(address);
    checkSum(batch);
    assert.deepEqual([batch.items, batch.counts.ready, batch.bytes], [1, 1, 10]);
  });

  it('gives each waiting item to one taker, within the window', async () => {
    const address = await create();
    const ids = Array.from({ length: 60 }, (_, i) => `item${i}`);
    for (const id of ids) await batches.add(address, itemOf(id));
    const taken = await Promise.all(
      Array.from({ length: 10 }, () => batches.take(address, { window: 45, count: 7 })),
    );
    assert.deepEqual(
      taken.flat().map(({ id }) => id),
      ids.slice(0, 45),
    );
    checkSum((await batches.get(address)).batch);
  });

  it('pages through items of all statuses in the order of their coming', async () => {
    const address = await create();
    const ids = Array.from({ length: 25 }, (_, i) => `item${i}`);
    for (const [i, id] of ids.entries())
      await batches.add(address, itemOf(id, BATCH_ITEM_STATUSES[i % BATCH_ITEM_STATUSES.length] ?? 'ready'));
    const found: string[] = [];
    let cursor: number | undefined;
    do {
      const page = await batches.items(address, { statuses: BATCH_ITEM_STATUSES, limit: 10, cursor });
      found.push(...page.items.map(({ id }) => id));
      cursor = page.next_cursor === undefined ? undefined : Number(page.next_cursor);
    } while (cursor !== undefined);
    assert.deepEqual(found, ids);
  });

  it('keeps tenants apart, and forgets what has expired in its list', async () => {
    const [ours, expired, theirs] = [await create('ours'), await create('ours'), await create('theirs')];
    await redis.del(batchKeys('ours', expired.id).batch);
    const { batches: listed, total } = await batches.list('ours', { limit: 10 });
    assert.deepEqual([listed.map(({ id }) => id), total], [[ours.id], 1]);
    await assert.rejects(batches.get({ tenant: 'ours', id: theirs.id }), { code: 'not_found' });
    await assert.rejects(batches.add({ tenant: 'ours', id: theirs.id }, itemOf('a')), { code: 'not_found' });
  });
});
