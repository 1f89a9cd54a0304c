import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { collectEvents, contentOf, dataOf, errorOf, postJson, readEvents } from '../helpers/api.ts';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

interface Answer {
  id: string;
  content: string;
  finish_reason: string;
  usage: { prompt_tokens: number; completion_tokens: number };
}

describe('chat', () => {
  let stack: TestStack;
  const ask = (body: object) =>
    postJson(`${stack.url}/api/chat`, { messages: [{ role: 'user', content: 'Who are you?' }], ...body });

  before(async () => {
    stack = await startStack({
      services: ['chat-worker'],
      tokenDelayMs: 2,
      env: { CHAT_MODELS: 'another, offline-chat ,通义' },
    });
  });
  after(() => stack[Symbol.asyncDispose]());

  it('names the models to choose from, each once, the default first', async () => {
    const models = await dataOf(await fetch(`${stack.url}/api/models`));
    assert.deepEqual(models, { default: 'offline-chat', models: ['offline-chat', 'another', '通义'] });
  });

  it('answers as JSON', async () => {
    const response = await ask({});
    assert.equal(response.status, 200);
    const answer = await dataOf<Answer>(response);
    assert.equal(answer.id, response.headers.get('x-chat-id'));
    assert.match(answer.content, /offline model/i);
    assert.equal(answer.finish_reason, 'stop');
    assert.ok(answer.usage.prompt_tokens > 0 && answer.usage.completion_tokens > 0);
  });

  it('answers in Chinese to a Chinese question', async () => {
    const answer = await dataOf<Answer>(await ask({ messages: [{ role: 'user', content: '你是谁？' }] }));
    assert.match(answer.content, /离线模型/);
  });

  it('streams: accepted first, deltas with log ids, usage, [DONE] last', async () => {
    const response = await ask({ stream: true });
    assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
    assert.equal(response.headers.get('cache-control'), 'no-cache, no-transform');
    assert.equal(response.headers.get('x-accel-buffering'), 'no');
    const events = await collectEvents(response);
    const id = response.headers.get('x-chat-id');
    assert.equal(events[0]?.event, 'accepted');
    assert.equal((JSON.parse(events[0]?.data ?? '') as { id: string }).id, id);
    const deltas = events.filter((event) => event.event === undefined && event.data !== '[DONE]');
    assert.ok(deltas.length > 1, 'it came in pieces');
    for (const event of deltas) assert.match(event.id ?? '', /^1-\d+$/);
    assert.ok(events.some((event) => event.event === 'usage'));
    assert.equal(events.at(-1)?.data, '[DONE]');
    const whole = await dataOf<Answer>(await ask({}));
    assert.equal(contentOf(events), whole.content);
  });

  it('serves the fetch reader of front-end tutorials', async () => {
    const response = await ask({ stream: true });
    assert.ok(response.body);
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    let answer = '';
    let isDone = false;
    while (!isDone) {
      const { done, value } = await reader.read();
      if (done) break;
      for (const line of decoder.decode(value, { stream: true }).split('\n')) {
        if (!line.startsWith('data: ')) continue;
        const data = line.slice('data: '.length);
        if (data === '[DONE]') {
          isDone = true;
          break;
        }
        // As the tutorials have it: whatever the event, append the content.
        answer += (JSON.parse(data) as { content: string }).content;
      }
    }
    assert.ok(isDone, '[DONE] was seen');
    assert.equal(answer, (await dataOf<Answer>(await ask({}))).content);
  });

  it('serves curl -N', async () => {
    const body = JSON.stringify({ stream: true, messages: [{ role: 'user', content: 'Who are you?' }] });
    const { stdout } = await promisify(execFile)('curl', [
      '-sN',
      `${stack.url}/api/chat`,
      '-H',
      'Content-Type: application/json',
      '-d',
      body,
    ]);
    assert.match(stdout, /^retry: \d+\n\nevent: accepted\ndata: \{"id":"chat_/);
    assert.match(stdout, /\ndata: \{"content":"/);
    assert.match(stdout, /\ndata: \[DONE\]\n\n$/);
  });

  it('resumes after any event, on another gateway too, with exactly the rest', async () => {
    const other = await stack.start('gateway');
    const response = await ask({ stream: true });
    const events = await collectEvents(response);
    const id = response.headers.get('x-chat-id') ?? '';
    const withIds = events.filter((event) => event.id !== undefined);
    for (const index of [0, Math.floor(withIds.length / 2), withIds.length - 2]) {
      const cursor = withIds[index]?.id ?? '';
      const byHeader = await fetch(`${other.url}/api/chat/${id}/events`, {
        headers: { 'last-event-id': cursor },
      });
      assert.deepEqual(await collectEvents(byHeader), withIds.slice(index + 1));
      const byQuery = await fetch(`${stack.url}/api/chat/${id}/events?after=${cursor}`);
      assert.deepEqual(await collectEvents(byQuery), withIds.slice(index + 1));
    }
    const ended = await fetch(`${other.url}/api/chat/${id}/events?after=${withIds.at(-1)?.id ?? ''}`);
    assert.equal(ended.status, 204, 'which ends the reconnecting of an EventSource');
  });

  it('goes on when the client has gone, and shows the state', async () => {
    const controller = new AbortController();
    const response = await fetch(`${stack.url}/api/chat`, {
      method: 'POST',
      signal: controller.signal,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ stream: true, messages: [{ role: 'user', content: 'Who are you?' }] }),
    });
    const id = response.headers.get('x-chat-id') ?? '';
    for await (const event of readEvents(response)) if (event.event === undefined) break;
    controller.abort();
    const resumed = await collectEvents(await fetch(`${stack.url}/api/chat/${id}/events`));
    assert.equal(resumed.at(-1)?.data, '[DONE]');
    const state = await dataOf<{ status: string; content: string }>(
      await fetch(`${stack.url}/api/chat/${id}`),
    );
    assert.equal(state.status, 'done');
    assert.equal(state.content, contentOf(resumed));
  });

  it('refuses unknown chats and impossible cursors', async () => {
    const response = await ask({});
    const id = response.headers.get('x-chat-id') ?? '';
    await response.body?.cancel();
    const errorAt = async (path: string) => {
      const answer = await fetch(`${stack.url}/api/chat/${path}`);
      return [answer.status, (await errorOf(answer)).code];
    };
    assert.deepEqual(await errorAt('chat_unknown/events'), [404, 'not_found']);
    assert.deepEqual(await errorAt('chat_unknown'), [404, 'not_found']);
    assert.deepEqual(await errorAt(`${id}/events?after=nonsense`), [400, 'invalid_cursor']);
    assert.deepEqual(await errorAt(`${id}/events?after=77-1`), [410, 'unknown_cursor']);
    assert.deepEqual(
      await errorAt(`${id}/events?after=0-7`),
      [410, 'unknown_cursor'],
      'a place that never was',
    );
  });

  it('lets the front ends of CORS_ORIGINS read the answer and its id, and no others', async () => {
    const preflight = (origin: string) =>
      fetch(`${stack.url}/api/chat`, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'content-type,authorization',
        },
      });
    const allowed = await preflight('http://localhost:5173');
    assert.equal(allowed.headers.get('access-control-allow-origin'), 'http://localhost:5173');
    assert.equal((await preflight('http://evil.example')).headers.get('access-control-allow-origin'), null);
    const answer = await postJson(
      `${stack.url}/api/chat`,
      { messages: [{ role: 'user', content: 'hi' }] },
      { origin: 'http://localhost:3000' },
    );
    assert.match(answer.headers.get('access-control-expose-headers') ?? '', /X-Chat-Id/);
    await answer.body?.cancel();
  });

  it('sends the headers that protect a document with what may be one, and not with an event stream', async () => {
    const page = await fetch(`${stack.url}/docs/`);
    const stream = await ask({ stream: true });
    await Promise.all([page.text(), stream.text()]);
    for (const header of ['content-security-policy', 'x-frame-options', 'referrer-policy']) {
      assert.ok(page.headers.has(header), header);
      assert.ok(!stream.headers.has(header), header);
    }
    assert.equal(stream.headers.get('x-content-type-options'), 'nosniff');
  });

  it('puts the request id into every line that gateway and worker log about the request', async () => {
    const requestId = 'trace-me-42';
    await (
      await postJson(
        `${stack.url}/api/chat`,
        { messages: [{ role: 'user', content: 'hi' }] },
        { 'x-request-id': requestId },
      )
    ).json();
    for (const service of stack.services.slice(0, 2)) {
      const linesAbout = () =>
        service
          .logs()
          .split('\n')
          .filter((line) => line.includes(requestId));
      await waitFor(() => linesAbout().length > 0, { what: 'lines about the request' });
      for (const line of linesAbout()) {
        const { request_id, tenant } = JSON.parse(line) as Record<string, unknown>;
        assert.deepEqual([request_id, tenant], [requestId, 'default']);
      }
    }
  });
});
