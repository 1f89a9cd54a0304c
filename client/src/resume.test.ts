import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { CHAT_ID, ENTRIES, EVENTS, renderStream } from '../test/recorded-chat.ts';
import { beginStream, refuse, startScriptedServer } from '../test/scripted-server.ts';
import type { SeenRequest } from '../test/scripted-server.ts';
import { createClient, SluiceApiError, SluiceConnectionError } from './index.ts';
import type { ChatEvent, ChatStream, RetryOptions } from './index.ts';

const QUESTION = { messages: [{ role: 'user' as const, content: 'Hello?' }] };
const HASTE: RetryOptions = { minDelayMs: 1, maxDelayMs: 5 };
const HEAD = { 'x-chat-id': CHAT_ID };

async function collect(stream: AsyncIterable<ChatEvent>): Promise<ChatEvent[]> {
  const events: ChatEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

const cursorOf = (request: SeenRequest) => request.headers['last-event-id'] as string | undefined;

/** Sends the rest of the recorded chat, as the gateway does. */
function answerResume(request: SeenRequest, response: ServerResponse): void {
  assert.equal(request.path, `/api/chat/${CHAT_ID}/events`);
  beginStream(response, renderStream(cursorOf(request) ?? '0-0'));
  response.end();
}

/** Numbers that look random and are the same in every run. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

describe('resume', () => {
  for (const [how, cut] of [
    ['breaks', (response: ServerResponse) => void setImmediate(() => response.destroy())],
    ['ends early', (response: ServerResponse) => void response.end()],
  ] as const) {
    it(`gives exactly the whole when the connection ${how} after any byte`, async () => {
      const whole = Buffer.from(renderStream());
      let length = 0;
      await using server = await startScriptedServer((request, response) => {
        if (request.method === 'GET') return answerResume(request, response);
        beginStream(response, whole.subarray(0, length), HEAD);
        cut(response);
      });
      const { chat } = createClient({ baseUrl: server.url, retry: HASTE });
      for (length = 0; length <= whole.length; length += 1)
        assert.deepEqual(await collect(chat.stream(QUESTION)), EVENTS, `cut after ${length} bytes`);
    });
  }

  it('gives exactly the whole over connections that all break, and of which some repeat what was had', async () => {
    const random = seededRandom(7);
    await using server = await startScriptedServer((request, response) => {
      const had = ENTRIES.findIndex(({ id }) => id === cursorOf(request));
      const after = ENTRIES[Math.floor(random() * (had + 2)) - 1]?.id ?? '0-0';
      const bytes = Buffer.from(request.method === 'POST' ? renderStream() : renderStream(after));
      beginStream(response, bytes.subarray(0, Math.ceil(random() * bytes.length)), HEAD);
      setImmediate(() => response.destroy());
    });
    const { chat } = createClient({ baseUrl: server.url, retry: HASTE });
    for (let round = 0; round < 8; round += 1)
      assert.deepEqual(await collect(chat.stream(QUESTION)), EVENTS, `round ${round}`);
    assert.ok(server.requests.length > 80, 'they did break');
  });

  it('repeats a question whose answer was lost, with the same Idempotency-Key', async () => {
    let lost = 3;
    await using server = await startScriptedServer((_request, response) => {
      if (lost-- > 0) return void response.destroy();
      beginStream(response, renderStream(), HEAD);
      response.end();
    });
    const { chat } = createClient({ baseUrl: server.url, retry: HASTE });
    assert.deepEqual(await collect(chat.stream(QUESTION)), EVENTS);
    const keys = server.requests.map(({ headers }) => headers['idempotency-key']);
    assert.equal(keys.length, 4);
    assert.equal(new Set(keys).size, 1);
    assert.match(String(keys[0]), /^[0-9a-f]{32}$/);
    assert.deepEqual(JSON.parse(server.requests[3]?.body ?? ''), { ...QUESTION, stream: true });
    await chat.stream(QUESTION, { idempotencyKey: 'mine' }).id;
    assert.equal(server.requests.at(-1)?.headers['idempotency-key'], 'mine');
    assert.notEqual(keys[0], 'mine');
  });

  it('takes the id from the first event where the header is hidden, and asks again when both were lost', async () => {
    let requests = 0;
    await using server = await startScriptedServer((request, response) => {
      if (request.method === 'GET') return answerResume(request, response);
      beginStream(response, renderStream().slice(0, ++requests === 1 ? 10 : 60));
      setImmediate(() => response.destroy());
    });
    const { chat } = createClient({ baseUrl: server.url, retry: HASTE });
    const stream = chat.stream(QUESTION);
    assert.deepEqual(await collect(stream), EVENTS);
    assert.equal(await stream.id, CHAT_ID);
    assert.deepEqual(
      server.requests.map(({ method }) => method),
      ['POST', 'POST', 'GET'],
    );
  });

  it('waits as long as Retry-After and the retry field of the stream ask for', async () => {
    await using server = await startScriptedServer((request, response) => {
      if (server.requests.length === 1) return refuse(response, 503, 'overloaded', { 'retry-after': '1' });
      if (server.requests.length === 2) return refuse(response, 429, 'too_many', { 'retry-after': '0' });
      if (request.method === 'GET') return answerResume(request, response);
      beginStream(response, 'retry: 300\n\n', HEAD);
      response.end();
    });
    const { chat } = createClient({ baseUrl: server.url, retry: HASTE });
    assert.deepEqual(await collect(chat.stream(QUESTION)), EVENTS);
    const [first = 0, second = 0, third = 0, fourth = 0] = server.requests.map(({ at }) => at);
    assert.ok(second - first >= 999, `${second - first} ms after Retry-After: 1`);
    assert.ok(fourth - third >= 299, `${fourth - third} ms after retry: 300`);
  });

  it('counts a connection as broken when nothing comes, but not when heartbeats do', async () => {
    await using server = await startScriptedServer((request, response) => {
      if (server.requests.length === 1) return; // No head ever comes.
      if (request.method === 'POST') return beginStream(response, renderStream().slice(0, 300), HEAD);
      beginStream(response, '');
      let beats = 0;
      const timer = setInterval(() => {
        response.write(': keep-alive\n\n');
        if (++beats < 8) return;
        clearInterval(timer);
        response.end(renderStream(cursorOf(request)));
      }, 200);
    });
    const { chat } = createClient({ baseUrl: server.url, retry: HASTE, idleTimeoutMs: 800 });
    assert.deepEqual(await collect(chat.stream(QUESTION)), EVENTS);
    assert.equal(server.requests.length, 3, 'one without a head, one that fell silent, one with heartbeats');
  });

  it('gives up when the server stays away: after the attempts at first, after the deadline later', async () => {
    await using server = await startScriptedServer((request, response) => {
      if (request.method === 'GET' || request.body.includes('never')) return void response.destroy();
      beginStream(response, renderStream().slice(0, 300), HEAD);
      setImmediate(() => response.destroy());
    });
    const retry = { minDelayMs: 1, maxDelayMs: 20, maxAttempts: 3, deadlineMs: 300 };
    const { chat } = createClient({ baseUrl: server.url, retry });
    const never = chat.stream({ messages: [{ role: 'user', content: 'never' }] });
    await assert.rejects(never.text(), SluiceConnectionError);
    await assert.rejects(never.id, SluiceConnectionError);
    assert.equal(server.requests.length, 3);
    const begun = performance.now();
    await assert.rejects(chat.stream(QUESTION).text(), SluiceConnectionError);
    assert.ok(performance.now() - begun > 200, 'it went on for about the deadline');
    assert.ok(server.requests.length > 3 + 3, 'more often than at first');
  });

  it('throws what the server says about a chat that it does not have, without trying again', async () => {
    const refusals: [number, string][] = [
      [404, 'not_found'],
      [410, 'unknown_cursor'],
      [401, 'unauthorized'],
      [429, 'too_many'],
      [500, 'internal_error'],
    ];
    for (const [status, code] of refusals) {
      await using server = await startScriptedServer((_request, response) => refuse(response, status, code));
      const { chat } = createClient({ baseUrl: server.url, retry: HASTE });
      const expected = {
        name: 'SluiceApiError',
        status,
        code,
        message: `It is ${code}.`,
        requestId: 'request-1',
        traceId: 'trace-1',
      };
      await assert.rejects(collect(chat.resume('chat_x', { after: '1-3' })), expected);
      await assert.rejects(chat.stream(QUESTION).id, expected);
      assert.equal(server.requests.length, 2);
    }
  });

  it('throws the same in the middle of a stream', async () => {
    await using server = await startScriptedServer((request, response) => {
      if (request.method === 'GET') return refuse(response, 404, 'not_found');
      beginStream(response, renderStream().slice(0, 300), HEAD);
      response.end();
    });
    const seen: string[] = [];
    await assert.rejects(
      async () => {
        for await (const { type } of createClient({ baseUrl: server.url, retry: HASTE }).chat.stream(
          QUESTION,
        ))
          seen.push(type);
      },
      (error) => error instanceof SluiceApiError && error.code === 'not_found',
    );
    assert.deepEqual(seen.slice(0, 2), ['accepted', 'queued']);
  });

  it('resumes after a cursor, and ends at once when there is nothing more', async () => {
    await using server = await startScriptedServer((request, response) => {
      if (cursorOf(request) === '2-11') return void response.writeHead(204).end();
      answerResume(request, response);
    });
    const { chat } = createClient({ baseUrl: server.url });
    const resumed: ChatStream = chat.resume(CHAT_ID, { after: '1-3' });
    assert.equal(await resumed.id, CHAT_ID);
    assert.deepEqual(await collect(resumed), EVENTS.slice(5));
    assert.deepEqual(await collect(chat.resume(CHAT_ID)), EVENTS.slice(1));
    assert.deepEqual(await collect(chat.resume(CHAT_ID, { after: '2-11' })), []);
  });
});
