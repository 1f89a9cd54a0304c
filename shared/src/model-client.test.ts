import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CHAT_REQUEST, openTestClient } from '../../tests/helpers/model-client.ts';
import { waitFor } from '../../tests/helpers/poll.ts';
import { begin, chunk, refuse, startScriptedModel } from '../../tests/helpers/scripted-model.ts';

describe('model client', () => {
  it('gives the model, content, reasoning, the finish and the usage', async () => {
    const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
    await using server = await startScriptedModel((_request, response) => {
      begin(
        response,
        chunk({ role: 'assistant', content: '' }),
        chunk({ reasoning_content: 'hm' }),
        chunk({ content: '你' }),
        chunk({ content: '好' }),
        chunk({}, 'length'),
      );
      response.end(`data: ${JSON.stringify({ id: 'x', choices: [], usage })}\n\ndata: [DONE]\n\n`);
    });
    const { events } = await openTestClient(server.url).ask();
    assert.deepEqual(events, [
      { type: 'model', model: 'main' },
      { type: 'reasoning', text: 'hm' },
      { type: 'content', text: '你' },
      { type: 'content', text: '好' },
      { type: 'finish', reason: 'length' },
      { type: 'usage', prompt_tokens: 1, completion_tokens: 2 },
    ]);
  });

  it('does not take a stream that just ends for a finished answer', async () => {
    await using server = await startScriptedModel((_request, response) => {
      begin(response, chunk({ content: 'half' })).end();
    });
    await assert.rejects(openTestClient(server.url).ask(), { code: 'model_unavailable' });
  });

  for (const [status, code, ours] of [
    [401, 'model_auth_failed', 502],
    [400, 'model_rejected_request', 502],
    [404, 'model_rejected_request', 502],
    [402, 'model_rate_limited', 503],
    [429, 'model_rate_limited', 503],
    [503, 'model_unavailable', 502],
  ] as const) {
    it(`turns HTTP ${status} into ${code}, without the model's own words`, async () => {
      await using server = await startScriptedModel(refuse(status));
      await assert.rejects(
        openTestClient(server.url).ask(),
        (error: Error & { code?: string; status?: number }) => {
          assert.deepEqual([error.code, error.status], [code, ours]);
          assert.ok(!error.message.includes('the words of the provider'));
          return true;
        },
      );
    });
  }

  it('takes an error that comes after the headers by its code', async () => {
    await using server = await startScriptedModel((_request, response) => {
      begin(response, `data: ${JSON.stringify({ error: { message: 'too long', code: 400 } })}\n\n`).end();
    });
    await assert.rejects(openTestClient(server.url).ask(), { code: 'model_rejected_request' });
    assert.equal(server.requests.length, 1);
  });

  it('gives all tokens that came before an error, be they of the same packet', async () => {
    const error = `event: error\ndata: ${JSON.stringify({ message: 'overloaded', code: 400 })}\n\n`;
    await using server = await startScriptedModel(
      (_request, response) =>
        void begin(response, chunk({ content: '春' }), chunk({ content: '眠' }), error).end(),
    );
    let text = '';
    const reading = (async () => {
      const { client } = openTestClient(server.url);
      for await (const event of client.streamChat(CHAT_REQUEST, new AbortController().signal))
        if (event.type === 'content') text += event.text;
    })();
    await assert.rejects(reading, { code: 'model_unavailable' });
    assert.equal(text, '春眠');
  });

  it('closes the upstream request at once when the signal aborts, or the reader leaves', async () => {
    await using server = await startScriptedModel(
      (_request, response) => void begin(response, chunk({ content: 'a' })),
    );
    const { client } = openTestClient(server.url);
    for (const leaveAt of ['model', 'content']) {
      const controller = new AbortController();
      const reason = new Error('cancelled');
      const reading = (async () => {
        for await (const event of client.streamChat(CHAT_REQUEST, controller.signal)) {
          if (event.type === leaveAt) controller.abort(reason);
        }
      })();
      await assert.rejects(reading, reason);
      await waitFor(() => server.open() === 0, { what: 'the upstream request to close' });
      for await (const event of client.streamChat(CHAT_REQUEST, new AbortController().signal)) {
        if (event.type === leaveAt) break;
      }
      await waitFor(() => server.open() === 0, { what: 'the upstream request to close' });
    }
  });

  it('embeds in batches and in order, also when the answer is not', async () => {
    let requests = 0;
    await using server = await startScriptedModel((_request, response) => {
      const { input } = server.requests[requests++]!.body as { input: string[] };
      const data = input.map((text, index) => ({ index, embedding: [Number(text), 0, 0] })).reverse();
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data }));
    });
    const { client } = openTestClient(server.url);
    const vectors = await client.embed(Array.from({ length: 150 }, (_, i) => String(i)));
    assert.deepEqual(
      vectors.map((vector) => vector[0]),
      Array.from({ length: 150 }, (_, i) => i),
    );
    assert.equal(server.requests.length, 3);
  });

  it('embeds elsewhere when told so, in the small batches that DashScope takes, without the key of the chat model', async () => {
    await using server = await startScriptedModel((request, response) => {
      const { input } = server.requests.at(-1)!.body as { input: string[] };
      assert.equal(request.headers.authorization, 'Bearer embedding-key');
      const data = input.map((_text, index) => ({ index, embedding: [0, 0, 0] }));
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data }));
    });
    const { client } = openTestClient('http://127.0.0.1:1/v1', {
      embeddingModel: 'text-embedding-v4',
      embeddingBaseUrl: server.url,
      embeddingApiKey: 'embedding-key',
    });
    assert.equal((await client.embed(Array.from({ length: 11 }, String))).length, 11);
    assert.deepEqual(
      server.requests.map(({ body }) => (body['input'] as string[]).length),
      [10, 1],
    );
  });

  it('says what to set when the embedding model gives other vectors than configured', async () => {
    await using server = await startScriptedModel((_request, response) => {
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end('{"data":[{"index":0,"embedding":[1,2,3,4]}]}');
    });
    await assert.rejects(openTestClient(server.url).client.embed(['x']), {
      code: 'embedding_dimensions_mismatch',
      message: /EMBEDDING_DIMENSIONS=4/,
    });
  });
});
