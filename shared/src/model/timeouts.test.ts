import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CHAT_REQUEST, openTestClient } from '../../../tests/helpers/model-client.ts';
import { waitFor } from '../../../tests/helpers/poll.ts';
import {
  begin,
  chunk,
  saySilence,
  startBlackHole,
  startScriptedModel,
} from '../../../tests/helpers/scripted-model.ts';

describe('time-outs', () => {
  it('connect: a socket that accepts nothing', async () => {
    await using hole = await startBlackHole();
    const { ask, client } = openTestClient(hole.url, { connectTimeoutMs: 200, tries: 1 });
    const expected = {
      code: 'model_timeout',
      status: 504,
      message: /no connection.*MODEL_CONNECT_TIMEOUT_MS/,
    };
    const started = performance.now();
    await Promise.all([assert.rejects(ask(), expected), assert.rejects(client.embed(['x']), expected)]);
    // undici's timers go by the second.
    assert.ok(performance.now() - started < 4_000);
  });

  const beginnings = {
    'no headers': saySilence,
    'headers alone': (_request: unknown, response: Parameters<typeof begin>[0]) => void begin(response),
    'a role and comments, but no token': (_request: unknown, response: Parameters<typeof begin>[0]) => {
      begin(response, chunk({ role: 'assistant', content: '' }));
      const comments = setInterval(() => response.write(': keep-alive\n\n'), 20);
      response.once('close', () => clearInterval(comments));
    },
    'an error whose body does not end': (_request: unknown, response: Parameters<typeof begin>[0]) =>
      void response.writeHead(500).write('{'),
  };
  for (const [what, listener] of Object.entries(beginnings)) {
    it(`first token: ${what}; the request is closed, and not made again`, async () => {
      await using server = await startScriptedModel(listener);
      await assert.rejects(openTestClient(server.url, { firstTokenTimeoutMs: 150 }).ask(), {
        code: 'model_timeout',
        message: 'The model gave no first token within 0.15 s (MODEL_FIRST_TOKEN_TIMEOUT_MS).',
      });
      await waitFor(() => server.open() === 0, { what: 'the upstream request to close' });
      assert.equal(server.requests.length, 1);
    });
  }

  it('between tokens, of which reasoning is one: silence ends the answer and closes the request', async () => {
    await using server = await startScriptedModel((_request, response) => {
      begin(response, chunk({ reasoning_content: '0' }));
      let n = 1;
      const tokens = setInterval(() => {
        if (n > 5) clearInterval(tokens);
        else response.write(chunk({ reasoning_content: String(n++) }));
      }, 60);
    });
    const { client } = openTestClient(server.url, { firstTokenTimeoutMs: 5_000, tokenTimeoutMs: 250 });
    let reasoning = '';
    const reading = async () => {
      for await (const event of client.streamChat(CHAT_REQUEST, new AbortController().signal)) {
        if (event.type === 'reasoning') reasoning += event.text;
      }
    };
    await assert.rejects(reading(), {
      code: 'model_timeout',
      message: /in the middle of its answer.*0\.25 s.*MODEL_TOKEN_TIMEOUT_MS/,
    });
    assert.equal(reasoning, '012345');
    await waitFor(() => server.open() === 0, { what: 'the upstream request to close' });
  });

  it('do not run while it is the reader who is slow, and run again after it', async () => {
    await using server = await startScriptedModel(
      (_request, response) => void begin(response, chunk({ content: 'a' }), chunk({ content: 'b' })),
    );
    const { client } = openTestClient(server.url, { firstTokenTimeoutMs: 5_000, tokenTimeoutMs: 50 });
    let text = '';
    const reading = async () => {
      for await (const event of client.streamChat(CHAT_REQUEST, new AbortController().signal)) {
        if (event.type === 'content') text += event.text;
        await sleep(120);
      }
    };
    await assert.rejects(reading(), { code: 'model_timeout' });
    assert.equal(text, 'ab');
  });

  it('after the finish nothing is missing: the answer is whole', async () => {
    await using server = await startScriptedModel(
      (_request, response) => void begin(response, chunk({ content: 'a' }), chunk({}, 'stop')),
    );
    const { events } = await openTestClient(server.url, { tokenTimeoutMs: 50 }).ask();
    assert.equal(events.at(-1)?.type, 'finish');
    await waitFor(() => server.open() === 0, { what: 'the upstream request to close' });
  });

  it('embeddings: the whole answer has to be there', async () => {
    await using server = await startScriptedModel(
      (_request, response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{'),
    );
    await assert.rejects(openTestClient(server.url, { firstTokenTimeoutMs: 100 }).client.embed(['x']), {
      code: 'model_timeout',
      message: /embedding model did not answer within 0\.1 s/,
    });
    await waitFor(() => server.open() === 0, { what: 'the upstream request to close' });
  });
});
