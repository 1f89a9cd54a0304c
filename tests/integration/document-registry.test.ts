import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openDocuments } from '@sluice/shared/documents';
import { readFailures } from '@sluice/shared/documents/failures';
import type { DocumentRegistry, Upload } from '@sluice/shared/documents';
import type { Document } from '@sluice/shared/contracts/knowledge';
import { Redis } from 'ioredis';
import { startRedis } from '../helpers/redis.ts';
import type { TestRedis } from '../helpers/redis.ts';

const TENANT = 'default';

describe('registry of documents', () => {
  let server: TestRedis;
  let redis: Redis;
  let documents: DocumentRegistry;
  before(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
    documents = openDocuments(redis);
  });
  after(async () => {
    redis.disconnect();
    await server.stop();
  });

  const uploadOf = (hash: string, options: Partial<Upload> = {}): Upload => ({
    tenant: TENANT,
    filename: 'f.md',
    collection: 'default',
    replace: 'none',
    metadata: {},
    type: 'markdown',
    bytes: 1,
    hash,
    ...options,
  });
  const register = async (upload: Upload): Promise<Document> => {
    const plan = await documents.plan(upload);
    assert.notEqual(plan.outcome, 'duplicate');
    const previous = plan.outcome === 'version' ? plan.previous : undefined;
    assert.equal(await documents.register(plan.document, previous), true, 'a plan that nobody raced holds');
    return plan.document;
  };

  it('does not retire a document that has another version by now: its bytes would be taken for ever', async () => {
    const identity = { external_id: 'raced', replace: 'external_id' } as const;
    const first = await register(uploadOf('a1', identity));
    const second = await register(uploadOf('a2', identity));
    assert.equal(await documents.retire(first), false);
    assert.equal((await documents.get(TENANT, first.id)).version, 2);
    assert.equal(await documents.retire(second), true);
    assert.equal(await documents.retire(second), false);
    for (const hash of ['a1', 'a2']) await register(uploadOf(hash));
    await register(uploadOf('a3', identity));
  });

  it('keeps metadata that was changed between planning a version of the same bytes and registering it', async () => {
    const first = await register(uploadOf('described', { metadata: { state: 'draft' } }));
    const next = documents.nextVersion(first);
    await documents.describe(TENANT, first.id, { state: 'final' });
    assert.ok(await documents.register(next, first));
    assert.deepEqual((await documents.get(TENANT, first.id)).metadata, { state: 'final' });
  });

  it('knows what has failed, with which code and when, until it is tried again or deleted', async () => {
    const tenant = 'failures';
    const fail = async (document: Document, code: string, attempt = 1) => {
      const error = { code, message: `It has ${code}.` };
      const owner = { version: document.version, attempt };
      assert.equal(
        await documents.update(tenant, document.id, owner, { status: 'failed', error }),
        'updated',
      );
    };
    const told = async () => {
      const { codes, latest } = await readFailures(redis, documents, tenant, 10);
      return [
        Object.fromEntries(codes.map(({ code, documents: count }) => [code, count])),
        latest.map(({ document }) => document.hash),
      ];
    };
    const [a, b, c] = [
      await register(uploadOf('a', { tenant })),
      await register(uploadOf('b', { tenant })),
      await register(uploadOf('c', { tenant })),
    ];
    assert.deepEqual(await told(), [{}, []]);
    for (const [document, code] of [
      [a, 'no_text'],
      [b, 'no_text'],
      [c, 'encrypted'],
    ] as const) {
      await fail(document, code);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    assert.deepEqual(await told(), [{ no_text: 2, encrypted: 1 }, ['c', 'b', 'a']]);
    assert.equal((await documents.counts(tenant)).failed, 3);

    await fail(a, 'worker_lost', 2);
    assert.deepEqual(await told(), [{ no_text: 1, encrypted: 1, worker_lost: 1 }, ['a', 'c', 'b']]);
    const owner = { version: 1, attempt: 2 };
    await documents.update(tenant, b.id, owner, { status: 'processing', error: null });
    assert.deepEqual(await told(), [{ encrypted: 1, worker_lost: 1 }, ['a', 'c']]);
    const failed = await documents.get(tenant, a.id);
    assert.ok(await documents.register(documents.nextVersion(failed), failed));
    assert.deepEqual(await told(), [{ encrypted: 1 }, ['c']]);
    assert.ok(await documents.retire(await documents.get(tenant, c.id)));
    assert.deepEqual(await told(), [{}, []]);
    assert.deepEqual(await documents.counts(tenant), { queued: 1, processing: 1, ready: 0, failed: 0 });
  });

  it('counts a version to the batch that it came in, and to no other', async () => {
    const identity = { external_id: 'of a batch', replace: 'external_id' } as const;
    const first = await register(uploadOf('b1', { ...identity, batch: 'batch_1' }));
    assert.equal(first.batch, 'batch_1');
    assert.equal((await register(uploadOf('b2', identity))).batch, undefined);
    assert.equal(documents.nextVersion(first).batch, undefined);
  });

  it('lists page by page: nothing is skipped or shown twice when some go and come meanwhile', async () => {
    const at = (ms: number) => new Date(1_700_000_000_000 + ms).toISOString();
    const add = async (hash: string, created_at: string) => {
      const plan = await documents.plan(uploadOf(hash, { collection: 'paged' }));
      assert.equal(plan.outcome, 'created');
      const document = { ...plan.document, created_at };
      assert.ok(await documents.register(document));
      return document;
    };
    // More of one millisecond than a page has.
    const all = await Promise.all([5, 4, 3, 3, 3, 3, 3, 2, 1].map((ms, i) => add(`paged ${i}`, at(ms))));
    const byAge = all.toSorted(
      (left, right) =>
        Date.parse(right.created_at) - Date.parse(left.created_at) || (left.id < right.id ? 1 : -1),
    );
    const listed: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await documents.list(TENANT, { limit: 3, collection: 'paged', cursor });
      assert.equal(page.documents.length, 3);
      listed.push(...page.documents.map(({ id }) => id));
      cursor = page.next_cursor;
      if (listed.length !== 3) continue;
      for (const document of byAge.slice(1, 3)) assert.ok(await documents.retire(document));
      await add('paged late', at(6));
    } while (cursor !== undefined);
    assert.deepEqual(
      listed,
      byAge.map(({ id }) => id),
    );
  });
});
