import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { beginStream, refuse, startScriptedServer, succeed } from '../test/scripted-server.ts';
import { createClient } from './index.ts';

const HASTE = { minDelayMs: 1, maxDelayMs: 5 };
const frame = (event: string, data: object) =>
  `event: ${event}\ndata: ${JSON.stringify({ ...data, content: '' })}\n\n`;

describe('operations', () => {
  it('are watched over broken connections and refusals, until the caller has seen enough', async () => {
    await using server = await startScriptedServer((_request, response) => {
      const turn = server.requests.length;
      if (turn === 2) return refuse(response, 503, 'draining');
      beginStream(response, frame('snapshot', { at: String(turn) }));
      if (turn === 1) {
        response.write(frame('unavailable', { code: 'redis_unavailable', error: 'It is away.' }));
        response.write(frame('of a later server', {}));
        setImmediate(() => response.destroy());
      }
    });
    const { ops } = createClient({ baseUrl: server.url, retry: HASTE });
    const stop = new AbortController();
    const seen: unknown[] = [];
    await assert.rejects(async () => {
      for await (const event of ops.watch({ signal: stop.signal })) {
        seen.push(event);
        if (seen.length === 3) stop.abort(new Error('enough'));
      }
    }, /enough/);
    assert.deepEqual(seen, [
      { type: 'snapshot', snapshot: { at: '1' } },
      { type: 'unavailable', code: 'redis_unavailable', message: 'It is away.' },
      { type: 'snapshot', snapshot: { at: '3' } },
    ]);
    assert.equal(server.requests[0]?.path, '/api/ops/events');
  });

  it('are not asked for again by a key that may not see them', async () => {
    await using server = await startScriptedServer((_request, response) =>
      refuse(response, 403, 'forbidden'),
    );
    const { ops } = createClient({ baseUrl: server.url, retry: HASTE });
    await assert.rejects(ops.watch().next(), { code: 'forbidden' });
    assert.equal(server.requests.length, 1);
  });

  it('try failed documents again, and delete them', async () => {
    await using server = await startScriptedServer((_request, response) =>
      succeed(response, { id: 'doc_1' }),
    );
    const { ops } = createClient({ baseUrl: server.url });
    await ops.retryDocument('doc_1');
    await ops.deleteDocument('doc_1');
    await ops.session();
    await ops.closeSession();
    assert.deepEqual(
      server.requests.map(({ method, path }) => `${method} ${path}`),
      [
        'POST /api/ops/documents/doc_1/retry',
        'DELETE /api/ops/documents/doc_1',
        'POST /api/ops/session',
        'DELETE /api/ops/session',
      ],
    );
  });
});
