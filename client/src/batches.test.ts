import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { beginStream, refuse, startScriptedServer, succeed } from '../test/scripted-server.ts';
import { createClient } from './index.ts';

const HASTE = { minDelayMs: 1, maxDelayMs: 5 };
const frame = (revision: number, batch: object) =>
  `id: ${revision}\nevent: batch\ndata: ${JSON.stringify({ ...batch, content: '' })}\n\n`;

describe('batches', () => {
  it('follows a batch over broken connections to its end', async () => {
    await using server = await startScriptedServer((_request, response) => {
      if (server.requests.length === 1) {
        beginStream(response, frame(1, { items: 1 }) + frame(2, { items: 2 }));
        return void setImmediate(() => response.destroy());
      }
      if (server.requests.length === 2) return refuse(response, 503, 'redis_unavailable');
      beginStream(response, `${frame(3, { items: 2, ended_at: 'now' })}data: [DONE]\n\n`);
    });
    const { batches } = createClient({ baseUrl: server.url, retry: HASTE });
    const seen = await Array.fromAsync(batches.follow('batch_1'));
    assert.deepEqual(seen, [{ items: 1 }, { items: 2 }, { items: 2, ended_at: 'now' }]);
    assert.equal(server.requests.length, 3);
    assert.equal(server.requests[0]?.path, '/api/knowledge/batches/batch_1/events');
  });

  it('throws when there is no such batch', async () => {
    await using server = await startScriptedServer((_request, response) =>
      refuse(response, 404, 'not_found'),
    );
    const { batches } = createClient({ baseUrl: server.url, retry: HASTE });
    await assert.rejects(batches.follow('batch_1').next(), { code: 'not_found' });
  });

  it('creates with one key however often it asks, and sends files again when the connection breaks', async () => {
    await using server = await startScriptedServer((request, response) => {
      if (server.requests.length % 2 === 1) return void response.destroy();
      if (request.path.endsWith('/files')) return succeed(response, { batch: {}, items: [{ id: 'a' }] });
      succeed(response, { id: 'batch_1' }, 201);
    });
    const { batches } = createClient({ baseUrl: server.url, retry: HASTE });
    assert.deepEqual(await batches.create({ name: 'nightly' }), { id: 'batch_1' });
    const [first, second] = server.requests.map(({ headers }) => headers['idempotency-key']);
    assert.ok(first);
    assert.equal(first, second);
    assert.deepEqual(await batches.add('batch_1', [{ name: '目录/文.md', content: '文' }]), [{ id: 'a' }]);
    assert.match(server.requests[3]?.body ?? '', /filename="目录\/文.md"[^]*文/);
    assert.equal(server.requests.length, 4);
    assert.deepEqual(await batches.add('batch_1', []), []);
  });

  it('gives the items page by page, and asks for no page too early', async () => {
    await using server = await startScriptedServer((request, response) => {
      const cursor = new URL(request.path, server.url).searchParams.get('cursor');
      succeed(
        response,
        cursor === null ? { items: [{ id: 'a' }], next_cursor: '1' } : { items: [{ id: 'b' }] },
      );
    });
    const { batches } = createClient({ baseUrl: server.url });
    const items = batches.items('batch_1', { status: 'failed' });
    assert.deepEqual(await items.next(), { value: { id: 'a' }, done: false });
    assert.equal(server.requests.length, 1);
    assert.deepEqual(await Array.fromAsync(items), [{ id: 'b' }]);
    assert.equal(
      server.requests[1]?.path,
      '/api/knowledge/batches/batch_1/items?limit=1000&status=failed&cursor=1',
    );
  });

  it('asks for many hashes in several requests', async () => {
    await using server = await startScriptedServer((request, response) => {
      const { hashes } = JSON.parse(request.body) as { hashes: string[] };
      succeed(response, { documents: [{ hash: hashes[0] }] });
    });
    const { knowledge } = createClient({ baseUrl: server.url });
    const hashes = Array.from({ length: 1_001 }, (_, i) => String(i));
    assert.deepEqual(await knowledge.lookup(hashes), [{ hash: '0' }, { hash: '1000' }]);
  });
});
