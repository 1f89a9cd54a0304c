import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { waitFor } from '../../tests/helpers/poll.ts';
import { createModelClient } from './model-client.ts';
import type { ModelEvent } from './model-client.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const REQUEST = {
  messages: [{ role: 'user', content: 'hi' }],
  model: 'm',
  temperature: 0,
  max_tokens: 10,
} as const;
const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', created: 0, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const stream = (response: ServerResponse) => response.writeHead(200, { 'content-type': 'text/event-stream' });

describe('model client', () => {
  let close = async () => {};
  afterEach(() => close());

  /** A model whose every answer is scripted; the last handler serves all further requests. */
  async function script(...handlers: Handler[]) {
    let requests = 0;
    const server = createServer((request, response) =>
      handlers[Math.min(requests++, handlers.length - 1)]?.(request, response),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    close = async () => {
      server.closeAllConnections();
      server.close();
    };
    const { port } = server.address() as AddressInfo;
    const client = createModelClient({
      baseUrl: `http://127.0.0.1:${port}/v1`,
      apiKey: 'k',
      embeddingModel: 'e',
      embeddingDimensions: 3,
    });
    const ask = async (signal = new AbortController().signal) => {
      const events: ModelEvent[] = [];
      for await (const event of client.streamChat(REQUEST, signal)) events.push(event);
      return events;
    };
    return { client, ask, requests: () => requests };
  }
  const refuse =
    (status: number, headers: Record<string, string> = {}): Handler =>
    (_request, response) =>
      response
        .writeHead(status, { 'content-type': 'application/json', 'retry-after-ms': '1', ...headers })
        .end('{"error":{"message":"secret detail"}}');

  it('gives content, reasoning, the finish and the usage', async () => {
    const { ask } = await script((_request, response) => {
      stream(response).write(
        chunk({ role: 'assistant', content: '' }) +
          chunk({ reasoning_content: 'hm' }) +
          chunk({ content: '你' }),
      );
      response.end(
        `${chunk({ content: '好' })}${chunk({}, 'length')}data: ${JSON.stringify({ id: 'x', choices: [], usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 } })}\n\ndata: [DONE]\n\n`,
      );
    });
    assert.deepEqual(await ask(), [
      { type: 'reasoning', text: 'hm' },
      { type: 'content', text: '你' },
      { type: 'content', text: '好' },
      { type: 'finish', reason: 'length' },
      { type: 'usage', prompt_tokens: 1, completion_tokens: 2 },
    ]);
  });

  it('tries again before the first token', async () => {
    const { ask, requests } = await script(refuse(500), refuse(429), (_request, response) => {
      stream(response).end(`${chunk({ content: 'ok' })}${chunk({}, 'stop')}data: [DONE]\n\n`);
    });
    assert.equal((await ask()).length, 2);
    assert.equal(requests(), 3);
  });

  it('does not try again after it, and says that the answer broke off', async () => {
    const { ask, requests } = await script((_request, response) => {
      stream(response).write(chunk({ content: 'half' }), () => response.destroy());
    });
    await assert.rejects(ask(), { code: 'model_unavailable', status: 502 });
    assert.equal(requests(), 1);
  });

  it('does not take a stream that just ends for a finished answer', async () => {
    const { ask } = await script(
      (_request, response) => void stream(response).end(chunk({ content: 'half' })),
    );
    await assert.rejects(ask(), { code: 'model_unavailable' });
  });

  for (const [status, code, ours] of [
    [401, 'model_auth_failed', 502],
    [400, 'model_rejected_request', 502],
    [404, 'model_rejected_request', 502],
    [429, 'model_rate_limited', 503],
    [503, 'model_unavailable', 502],
  ] as const) {
    it(`turns HTTP ${status} into ${code}, without the model's own words`, async () => {
      const { ask } = await script(refuse(status));
      await assert.rejects(ask(), (error: Error & { code?: string; status?: number }) => {
        assert.deepEqual([error.code, error.status], [code, ours]);
        assert.ok(!error.message.includes('secret detail'));
        return true;
      });
    });
  }

  it('closes the upstream request at once when the signal aborts, or the reader leaves', async () => {
    let open = 0;
    const { client } = await script((_request, response) => {
      open += 1;
      response.once('close', () => (open -= 1));
      stream(response).write(chunk({ content: 'a' }));
    });
    const controller = new AbortController();
    const reason = new Error('cancelled');
    const reading = (async () => {
      for await (const _event of client.streamChat(REQUEST, controller.signal)) controller.abort(reason);
    })();
    await assert.rejects(reading, reason);
    await waitFor(() => open === 0, { what: 'the upstream request to close' });
    for await (const _event of client.streamChat(REQUEST, new AbortController().signal)) break;
    await waitFor(() => open === 0, { what: 'the upstream request to close' });
  });

  it('embeds in batches and in order, also when the answer is not', async () => {
    const { client, requests } = await script(async (request, response) => {
      const body = JSON.parse(Buffer.concat(await request.toArray()).toString()) as { input: string[] };
      const data = body.input.map((text, index) => ({ index, embedding: [Number(text), 0, 0] })).reverse();
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data }));
    });
    const vectors = await client.embed(Array.from({ length: 150 }, (_, i) => String(i)));
    assert.deepEqual(
      vectors.map((vector) => vector[0]),
      Array.from({ length: 150 }, (_, i) => i),
    );
    assert.equal(requests(), 3);
  });

  it('says what to set when the embedding model gives other vectors than configured', async () => {
    const { client } = await script((_request, response) => {
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end('{"data":[{"index":0,"embedding":[1,2,3,4]}]}');
    });
    await assert.rejects(client.embed(['x']), {
      code: 'embedding_dimensions_mismatch',
      message: /EMBEDDING_DIMENSIONS=4/,
    });
  });
});
