import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createClient } from '../../../client/src/index.ts';
import { CHAT_ID, renderStream, TEXT } from '../../../client/test/recorded-chat.ts';
import { beginStream, refuse, startScriptedServer, succeed } from '../../../client/test/scripted-server.ts';
import type { ScriptedServer } from '../../../client/test/scripted-server.ts';
import { waitFor } from '../../../tests/helpers/poll.ts';
import type { AnswerStatus } from './answer.ts';
import { addTurn, createConversation } from './conversation.ts';
import { createAnswerRunner } from './run-answers.ts';
import type { Keeper } from './run-answers.ts';

const HEAD = { 'x-chat-id': CHAT_ID };
const keeper: Keeper = { save: () => {}, saveNow: async () => {} };
const QUICK = { minDelayMs: 1, maxDelayMs: 5, maxAttempts: 2, deadlineMs: 200 };

function begin(server: ScriptedServer, keep = keeper) {
  const { chat } = createClient({ baseUrl: server.url, retry: QUICK });
  const runner = createAnswerRunner(chat, keep);
  const conversation = createConversation('Hello?');
  const turn = addTurn(conversation, { question: 'Hello?', model: undefined, knowledge: { kind: 'off' } });
  return { runner, conversation, turn, answer: turn.answer };
}

const reach = (answer: { status: AnswerStatus; text: string }, text: string) =>
  waitFor(() => answer.text === text, { what: `the text ${JSON.stringify(text)}` });

describe('answer runner', () => {
  it('fetches an answer to its end, having kept the question first', async () => {
    const order: string[] = [];
    await using server = await startScriptedServer((_request, response) => {
      order.push('asked');
      beginStream(response, renderStream(), HEAD);
      response.end();
    });
    const saveNow = async () => void order.push('kept');
    const { runner, conversation, turn, answer } = begin(server, { ...keeper, saveNow });
    await runner.run(conversation, turn);
    assert.deepEqual(order, ['kept', 'asked', 'kept']);
    assert.equal(answer.status, 'done');
    assert.equal(answer.text, TEXT);
    assert.equal(server.requests[0]?.headers['idempotency-key'], answer.idempotencyKey);
  });

  it('asks with the same key after a reload that came before the id, and goes on from the cursor after a later one', async () => {
    await using server = await startScriptedServer((request, response) => {
      const after = request.headers['last-event-id'] as string | undefined;
      beginStream(response, renderStream(after), HEAD);
      response.end();
    });
    const { runner, conversation, turn, answer } = begin(server);
    await runner.run(conversation, turn);
    Object.assign(answer, { status: 'running', text: '你好，', cursor: '1-3' });
    await runner.run(conversation, turn);
    assert.equal(answer.text, TEXT);
    assert.equal(server.requests[1]?.path, `/api/chat/${CHAT_ID}/events`);
    assert.equal(server.requests[1]?.headers['last-event-id'], '1-3');
  });

  it('opens its connection anew when the network is back, without a seam', async () => {
    await using server = await startScriptedServer((request, response) => {
      const after = request.headers['last-event-id'] as string | undefined;
      const frames = renderStream(after);
      if (after !== undefined) return void (beginStream(response, frames), response.end());
      // The first connection brings a part and then hangs.
      beginStream(response, frames.slice(0, frames.indexOf('id: 1-4')), HEAD);
    });
    const { runner, conversation, turn, answer } = begin(server);
    const run = runner.run(conversation, turn);
    await reach(answer, '你好，');
    runner.renew();
    await run;
    assert.equal(answer.text, TEXT);
    assert.equal(answer.status, 'done');
  });

  it('is interrupted when the server stays away, and goes on when it is asked to', async () => {
    let isAway = false;
    await using server = await startScriptedServer((request, response) => {
      if (isAway) return void response.destroy();
      const after = request.headers['last-event-id'] as string | undefined;
      const frames = renderStream(after);
      if (after !== undefined) return void (beginStream(response, frames), response.end());
      beginStream(response, frames.slice(0, frames.indexOf('id: 1-4')), HEAD);
      isAway = true;
      setTimeout(() => response.destroy(), 20);
    });
    const { runner, conversation, turn, answer } = begin(server);
    await runner.run(conversation, turn);
    assert.deepEqual([answer.status, answer.failure?.code], ['interrupted', 'connection']);
    isAway = false;
    await runner.run(conversation, turn);
    assert.deepEqual([answer.status, answer.failure, answer.text], ['done', undefined, TEXT]);
  });

  it('begins at the beginning when the server has lost what it had of the answer', async () => {
    await using server = await startScriptedServer((request, response) => {
      const after = request.headers['last-event-id'] as string | undefined;
      if (after !== undefined) return refuse(response, 410, 'unknown_cursor');
      beginStream(response, renderStream(), HEAD);
      response.end();
    });
    const { runner, conversation, turn, answer } = begin(server);
    Object.assign(answer, { chatId: CHAT_ID, status: 'running', text: 'what is lost', cursor: '9-9' });
    await runner.run(conversation, turn);
    assert.deepEqual([answer.status, answer.text], ['done', TEXT]);
  });

  it('keeps the text of an answer that the server keeps no longer', async () => {
    await using server = await startScriptedServer((_request, response) =>
      refuse(response, 404, 'not_found'),
    );
    const { runner, conversation, turn, answer } = begin(server);
    Object.assign(answer, { chatId: CHAT_ID, status: 'running', text: 'half', cursor: '1-2' });
    await runner.run(conversation, turn);
    assert.deepEqual([answer.status, answer.text, answer.failure?.code], ['failed', 'half', 'expired']);
  });

  it('learns how it ended from the state when the stream had ended before the cursor', async () => {
    await using server = await startScriptedServer((request, response) => {
      if (request.path.endsWith('/events')) return void response.writeHead(204).end();
      succeed(response, { id: CHAT_ID, status: 'cancelled', content: 'half' });
    });
    const { runner, conversation, turn, answer } = begin(server);
    Object.assign(answer, { chatId: CHAT_ID, status: 'running', text: 'half', cursor: '1-2' });
    await runner.run(conversation, turn);
    assert.equal(answer.status, 'stopped');
  });

  it('tells the code, the request and when to come back of a refusal', async () => {
    await using server = await startScriptedServer((_request, response) =>
      refuse(response, 422, 'model_rejected_request'),
    );
    const { runner, conversation, turn, answer } = begin(server);
    await runner.run(conversation, turn);
    assert.equal(answer.status, 'failed');
    assert.equal(answer.failure?.code, 'model_rejected_request');
    assert.equal(answer.failure?.requestId, 'request-1');
  });

  it('stops an answer whose id is still to come as soon as it is there', async () => {
    const cancelled = Promise.withResolvers<void>();
    await using server = await startScriptedServer((request, response) => {
      if (request.path.endsWith('/cancel')) {
        succeed(response, { id: CHAT_ID, status: 'cancelled' });
        return cancelled.resolve();
      }
      setTimeout(() => {
        beginStream(response, 'event: accepted\ndata: {"id":"chat_recorded","content":""}\n\n', HEAD);
        void cancelled.promise.then(() =>
          response.end('id: 9-1\nevent: cancelled\ndata: {"content":""}\n\nid: 9-1\ndata: [DONE]\n\n'),
        );
      }, 50);
    });
    const { runner, conversation, turn, answer } = begin(server);
    const run = runner.run(conversation, turn);
    const stop = runner.stop(turn);
    await run;
    assert.equal(answer.status, 'stopped');
    await stop;
  });

  it('gives a question up that a server which hangs has not taken', async () => {
    await using server = await startScriptedServer(() => {});
    const { runner, conversation, turn, answer } = begin(server);
    const run = runner.run(conversation, turn);
    await waitFor(() => server.requests.length > 0, { what: 'the question' });
    await runner.stop(turn);
    await run;
    assert.equal(answer.status, 'stopped');
    assert.ok(!runner.isRunning(turn));
  });

  it('keeps few connections open, the newest among them, and fetches every answer to its end', async () => {
    let open = 0;
    let most = 0;
    const ends: (() => void)[] = [];
    const asked: string[] = [];
    await using server = await startScriptedServer((request, response) => {
      open += 1;
      most = Math.max(most, open);
      response.once('close', () => (open -= 1));
      const after = request.headers['last-event-id'] as string | undefined;
      const frames = renderStream(after);
      if (request.method === 'POST') asked.push(request.body);
      // The end comes when the test says so.
      const cut = Math.max(0, frames.indexOf('id: 2-10'));
      beginStream(response, frames.slice(0, cut), HEAD);
      ends.push(() => response.end(frames.slice(cut)));
    });
    const { chat } = createClient({ baseUrl: server.url, retry: QUICK });
    const runner = createAnswerRunner(chat, keeper);
    const conversation = createConversation('Hello?');
    const turns = Array.from({ length: 7 }, (_, i) =>
      addTurn(conversation, { question: `Question ${i}`, model: undefined, knowledge: { kind: 'off' } }),
    );
    const runs: Promise<void>[] = [];
    for (const [i, turn] of turns.entries()) {
      runs.push(runner.run(conversation, turn));
      await waitFor(() => asked.length === i + 1, { what: `question ${i}, though others are open` });
      await waitFor(() => turn.answer.text !== '', { what: 'its text' });
    }
    // A connection that is given up is seen to close after the next one has come.
    await waitFor(() => open === 4, { what: 'four open connections' });
    assert.ok(most <= 5, `${most} at a time`);
    const endAll = setInterval(() => ends.splice(0).forEach((end) => end()), 20);
    await Promise.all(runs);
    clearInterval(endAll);
    for (const { answer } of turns) assert.deepEqual([answer.status, answer.text], ['done', TEXT]);
  });

  it('gives up what waits for a connection when its conversation is deleted', async () => {
    await using server = await startScriptedServer((_request, response) =>
      beginStream(response, renderStream().slice(0, 200), HEAD),
    );
    const { chat } = createClient({ baseUrl: server.url, retry: QUICK });
    const runner = createAnswerRunner(chat, keeper);
    const conversation = createConversation('Hello?');
    const runs = Array.from({ length: 6 }, (_, i) =>
      runner.run(
        conversation,
        addTurn(conversation, { question: `Question ${i}`, model: undefined, knowledge: { kind: 'off' } }),
        false,
      ),
    );
    await waitFor(() => server.requests.length === 4, { what: 'those that have a place' });
    runner.leave(conversation);
    await Promise.all(runs);
    assert.ok(conversation.turns.every((turn) => !runner.isRunning(turn)));
  });
});
