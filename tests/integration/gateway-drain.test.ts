import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { dataOf, uploadAndWait } from '../helpers/api.ts';
import { begin, chunk, startScriptedModel } from '../helpers/scripted-model.ts';
import { startStack } from '../helpers/stack.ts';
import { waitFor } from '../helpers/poll.ts';

/** Pieces of an answer that together are 12 MB; the buffers of two sockets take about 5. */
const PIECES = 200;

/** As a reverse proxy keeps them: one connection, with one request after the other. */
async function send(agent: Agent, url: string, body?: object): Promise<IncomingMessage> {
  const sent = request(url, {
    agent,
    method: body ? 'POST' : 'GET',
    headers: { 'content-type': 'application/json' },
  });
  sent.end(body && JSON.stringify(body));
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  await response.toArray();
  return response;
}

describe('a gateway behind a proxy that keeps its connections', () => {
  it('keeps an idle one for longer than nginx and load balancers do, which is 60 s', async () => {
    await using stack = await startStack({ services: [] });
    const agent = new Agent({ keepAlive: true });
    const { headers } = await send(agent, `${stack.url}/healthz`);
    agent.destroy();
    assert.match(String(headers['keep-alive']), /timeout=(6[1-9]|[7-9]\d|\d{3})/);
  });

  it('answers what is under way when it drains, and no more on that connection', async () => {
    const goOn = Promise.withResolvers<void>();
    await using model = await startScriptedModel(async (_request, response) => {
      begin(response, chunk({ content: 'Begun' }));
      await goOn.promise;
      response.end(`${chunk({ content: ' and ended.' }, 'stop')}data: [DONE]\n\n`);
    });
    await using stack = await startStack({
      services: ['chat-worker'],
      env: { OPENAI_BASE_URL: model.url, DRAIN_TIMEOUT_MS: '8000' },
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const messages = [{ role: 'user', content: 'Who are you?' }];
    const answered = send(agent, `${stack.url}/api/chat`, { messages });
    await waitFor(() => model.open() === 1, { what: 'the answer to begin' });
    const stopped = stack.gateway.stop();
    await waitFor(() => stack.gateway.logs().includes('"draining"'), { what: 'the drain to begin' });
    goOn.resolve();
    assert.equal((await answered).statusCode, 200);
    let served = 0;
    const keepAsking = async () => {
      for (;;) {
        await send(agent, `${stack.url}/healthz`);
        served += 1;
      }
    };
    await assert.rejects(keepAsking());
    agent.destroy();
    assert.ok(served <= 1, `${served} requests were served after the drain had begun`);
    assert.equal(await stopped, 0, stack.gateway.logs());
  });

  it('cuts off who takes nothing of a stream, and ends in time and well', async () => {
    const piece = '春眠不觉晓'.repeat(4_000);
    await using model = await startScriptedModel((_request, response) => {
      begin(response, ...Array.from({ length: PIECES }, () => chunk({ content: piece })));
    });
    await using stack = await startStack({
      services: ['chat-worker'],
      env: { OPENAI_BASE_URL: model.url, DRAIN_TIMEOUT_MS: '3000' },
    });
    const body = JSON.stringify({ messages: [{ role: 'user', content: 'Who are you?' }], stream: true });
    const asleep = connect(stack.gateway.port, '127.0.0.1').on('error', () => {});
    asleep.write(
      `POST /api/chat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await once(asleep, 'readable');
    await waitFor(() => model.open() === 1, { what: 'the answer to begin' });
    const id = /^x-chat-id: (.+)\r$/im.exec(String(asleep.read()))?.[1];
    const isAllThere = async () => {
      const state = await dataOf<{ content: string }>(await fetch(`${stack.url}/api/chat/${id}`));
      return state.content.length === PIECES * piece.length;
    };
    await waitFor(isAllThere, { what: 'more text than sockets hold' });
    assert.equal(await stack.gateway.stop(), 0, stack.gateway.logs());
    asleep.destroy();
  });

  it('answers an upload that waits to be indexed with what is so when it drains', async () => {
    await using stack = await startStack({ services: [], env: { DRAIN_TIMEOUT_MS: '2000' } });
    const uploaded = uploadAndWait(stack.url, 'a.txt', 'Nobody is there to index it.');
    const isThere = async () =>
      (await dataOf<{ total: number }>(await fetch(`${stack.url}/api/knowledge/documents`))).total === 1;
    await waitFor(isThere, { what: 'the upload to be accepted' });
    const stopped = stack.gateway.stop();
    const response = await uploaded;
    assert.equal(response.status, 202);
    assert.equal((await dataOf<{ status: string }>(response)).status, 'queued');
    assert.equal(await stopped, 0, stack.gateway.logs());
  });
});
