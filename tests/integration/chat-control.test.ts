import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import {
  collectEvents,
  contentOf,
  dataOf,
  errorOf,
  postJson,
  readEvents,
  uploadAndWait,
} from '../helpers/api.ts';
import { waitFor } from '../helpers/poll.ts';
import { begin, chunk, startScriptedModel } from '../helpers/scripted-model.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const question = { messages: [{ role: 'user', content: 'Who are you?' }] };
const cancel = (url: string, id: string) => fetch(`${url}/api/chat/${id}/cancel`, { method: 'POST' });

describe('cancel', () => {
  let stack: TestStack;
  before(async () => {
    stack = await startStack({
      services: ['chat-worker'],
      tokenDelayMs: 100,
      env: { CHAT_CONCURRENCY: '1' },
    });
  });
  after(() => stack[Symbol.asyncDispose]());

  it('stops a running answer, closes the request to the model, and ends the stream', async () => {
    const response = await postJson(`${stack.url}/api/chat`, { ...question, stream: true });
    const id = response.headers.get('x-chat-id') ?? '';
    const events = [];
    let begun = 0;
    for await (const event of readEvents(response)) {
      events.push(event);
      if (event.event !== undefined || begun > 0) continue;
      begun = performance.now();
      assert.equal(stack.model.requests.open, 1);
      assert.deepEqual(await dataOf(await cancel(stack.url, id)), { id, status: 'cancelled' });
      await waitFor(() => stack.model.requests.open === 0, { what: 'the request to the model to close' });
    }
    assert.deepEqual(
      events.slice(-2).map(({ event, data }) => event ?? data),
      ['cancelled', '[DONE]'],
    );
    const state = await dataOf<{ status: string; content: string }>(
      await fetch(`${stack.url}/api/chat/${id}`),
    );
    assert.deepEqual([state.status, state.content], ['cancelled', contentOf(events)]);
    assert.deepEqual(
      await dataOf(await cancel(stack.url, id)),
      { id, status: 'cancelled' },
      'and may be repeated',
    );
  });

  it('keeps the log of a chat with an Idempotency-Key for as long as the key', async () => {
    const keyed = { 'idempotency-key': 'kept-a-day' };
    const response = await postJson(`${stack.url}/api/chat`, { ...question, stream: true }, keyed);
    const id = response.headers.get('x-chat-id') ?? '';
    await dataOf(await cancel(stack.url, id));
    const redis = new Redis(stack.redis.url);
    const ttl = await redis.pttl(`sluice:{default:${id}}:log`).finally(() => redis.disconnect());
    assert.ok(ttl > 23 * 3_600_000, `${ttl} ms`);
    assert.equal((await collectEvents(response)).at(-1)?.data, '[DONE]');
  });

  it('stops a queued one before it begins, and the next one is answered', async () => {
    const running = await postJson(`${stack.url}/api/chat`, { ...question, stream: true });
    const queued = await postJson(`${stack.url}/api/chat`, { ...question, stream: true });
    const id = queued.headers.get('x-chat-id') ?? '';
    await dataOf(await cancel(stack.url, id));
    const events = await collectEvents(queued);
    assert.ok(!events.some(({ event }) => event === 'started'));
    assert.equal(events.at(-2)?.event, 'cancelled');
    await dataOf(await cancel(stack.url, running.headers.get('x-chat-id') ?? ''));
    await collectEvents(running);
    await waitFor(() => stack.model.requests.open === 0, { what: 'the request to the model to close' });
  });

  it('leaves what has ended as it is, and knows no other', async () => {
    const response = await postJson(`${stack.url}/api/chat`, question);
    const { id } = await dataOf<{ id: string }>(response);
    assert.deepEqual(await dataOf(await cancel(stack.url, id)), { id, status: 'done' });
    const unknown = await cancel(stack.url, 'chat_unknown');
    assert.deepEqual([unknown.status, (await errorOf(unknown)).code], [404, 'not_found']);
  });
});

describe('an answer that nobody watches', () => {
  it('goes on, unless it was asked to be cancelled after a while', async () => {
    await using stack = await startStack({
      services: ['chat-worker'],
      tokenDelayMs: 100,
      env: { CANCEL_UNWATCHED_SECONDS: '1' },
    });
    const controller = new AbortController();
    const response = await fetch(`${stack.url}/api/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...question, stream: true }),
      signal: controller.signal,
    });
    const id = response.headers.get('x-chat-id') ?? '';
    for await (const event of readEvents(response)) if (event.event === undefined) break;
    controller.abort();
    const state = async () =>
      (await dataOf<{ status: string }>(await fetch(`${stack.url}/api/chat/${id}`))).status;
    await waitFor(async () => (await state()) === 'cancelled', { what: 'the cancellation' });
    assert.equal(stack.model.requests.open, 0);
  });

  it('is not taken for one that somebody watches while the model is silent', async () => {
    await using model = await startScriptedModel(async (_request, response) => {
      begin(response);
      await delay(1_500);
      response.write(chunk({ content: 'At last.' }));
      response.end(`${chunk({}, 'stop')}data: [DONE]\n\n`);
    });
    await using stack = await startStack({
      services: ['chat-worker'],
      env: { CANCEL_UNWATCHED_SECONDS: '1', OPENAI_BASE_URL: model.url },
    });
    const events = await collectEvents(
      await postJson(`${stack.url}/api/chat`, { ...question, stream: true }),
    );
    assert.equal(contentOf(events), 'At last.');
    assert.ok(!events.some(({ event }) => event === 'cancelled'));
  });
});

describe('an answer that somebody has left and come back to', () => {
  it('is watched again, however long the model is silent then', async () => {
    const [hasLeft, mayGoOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    await using model = await startScriptedModel(async (_request, response) => {
      await hasLeft.promise;
      begin(response, chunk({ content: 'Once ' }));
      await mayGoOn.promise;
      response.write(chunk({ content: 'more.' }));
      response.end(`${chunk({}, 'stop')}data: [DONE]\n\n`);
    });
    await using stack = await startStack({
      services: ['chat-worker'],
      env: { CANCEL_UNWATCHED_SECONDS: '1', OPENAI_BASE_URL: model.url },
    });
    const leave = new AbortController();
    const response = await fetch(`${stack.url}/api/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...question, stream: true }),
      signal: leave.signal,
    });
    const url = `${stack.url}/api/chat/${response.headers.get('x-chat-id')}`;
    // It leaves before the first word, so that nobody hears that one.
    const redis = new Redis(stack.redis.url);
    await waitFor(() => model.requests.length === 1, { what: 'the request to the model' });
    leave.abort();
    const isUnheard = async () => ((await redis.pubsub('CHANNELS', '*:bell')) as string[]).length === 0;
    await waitFor(isUnheard, { what: 'the gateway to listen no more' }).finally(() => redis.disconnect());
    hasLeft.resolve();
    const content = async () => (await dataOf<{ content: string }>(await fetch(url))).content;
    await waitFor(async () => (await content()) === 'Once ', { what: 'the first word' });
    const events = collectEvents(await fetch(`${url}/events`));
    await delay(1_500);
    mayGoOn.resolve();
    assert.equal(contentOf(await events), 'Once more.');
    assert.ok(!(await events).some(({ event }) => event === 'cancelled'));
  });
});

describe('Idempotency-Key', () => {
  let stack: TestStack;
  before(async () => {
    stack = await startStack({ services: ['chat-worker'] });
    await stack.start('gateway');
  });
  after(() => stack[Symbol.asyncDispose]());
  const gateways = () => [stack.services[0], stack.services[2]].map((service) => service?.url ?? '');

  it('gives whoever races the same answer, on every gateway, as JSON and as a stream', async () => {
    const headers = { 'idempotency-key': 'race-1' };
    const responses = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        postJson(`${gateways()[i % 2]}/api/chat`, { ...question, stream: true }, headers),
      ),
    );
    const ids = new Set(responses.map((response) => response.headers.get('x-chat-id')));
    assert.equal(ids.size, 1);
    const answers = await Promise.all(
      responses.map(async (response) => contentOf(await collectEvents(response))),
    );
    assert.equal(new Set(answers).size, 1);
    assert.ok((answers[0] ?? '').length > 10);
    const events = await collectEvents(await fetch(`${stack.url}/api/chat/${[...ids][0]}/events`));
    assert.equal(events.filter(({ event }) => event === 'started').length, 1, 'it was answered once');
  });

  it('refuses another request under the same key, and a malformed key', async () => {
    const headers = { 'idempotency-key': 'bound' };
    await dataOf(await postJson(`${stack.url}/api/chat`, question, headers));
    const other = await postJson(`${stack.url}/api/chat`, { ...question, temperature: 0.1 }, headers);
    assert.deepEqual([other.status, (await errorOf(other)).code], [422, 'idempotency_key_reused']);
    const bad = await postJson(`${stack.url}/api/chat`, question, { 'idempotency-key': 'a b' });
    assert.deepEqual([bad.status, (await errorOf(bad)).code], [400, 'invalid_idempotency_key']);
  });

  it('sees a submission through that broke off after the key was claimed', async () => {
    const redis = new Redis(stack.redis.url);
    try {
      const headers = { 'idempotency-key': 'broken-off' };
      const { id } = await dataOf<{ id: string }>(await postJson(`${stack.url}/api/chat`, question, headers));
      const key = `sluice:{default:idempotency:${createHash('sha256').update('broken-off').digest('hex')}}`;
      // As a gateway leaves it that dies between claiming the key and creating the log.
      await redis.hset(key, 'id', 'chat_unsubmitted', 'submitted', '0');
      const again = await dataOf<{ id: string; content: string }>(
        await postJson(`${stack.url}/api/chat`, question, headers),
      );
      assert.equal(again.id, 'chat_unsubmitted');
      assert.notEqual(again.id, id);
      assert.ok(again.content.length > 10);
    } finally {
      redis.disconnect();
    }
  });
});

describe('backlog', () => {
  it('refuses beyond its limit with a time to come back, apart for each class of work', async () => {
    const env = { CHAT_BACKLOG_LIMIT: '2', BACKGROUND_BACKLOG_LIMIT: '1', INGEST_BACKLOG_LIMIT: '1' };
    await using stack = await startStack({ services: [], env });
    const controller = new AbortController();
    const submit = (priority: string) =>
      fetch(`${stack.url}/api/chat`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...question, stream: true, priority }),
        signal: controller.signal,
      });
    for (const priority of ['interactive', 'interactive', 'background'])
      assert.equal((await submit(priority)).status, 200);
    for (const priority of ['interactive', 'background']) {
      const response = await submit(priority);
      const { code, retryAfter } = await errorOf(response);
      assert.deepEqual([response.status, code], [503, 'overloaded']);
      assert.match(retryAfter ?? '', /^\d+$/);
    }
    const upload = (name: string) => {
      const form = new FormData();
      form.append('file', new File([name], `${name}.txt`));
      return fetch(`${stack.url}/api/knowledge/upload`, { method: 'POST', body: form });
    };
    assert.equal((await upload('first')).status, 202);
    const refused = await upload('second');
    assert.deepEqual([refused.status, (await errorOf(refused)).code], [503, 'overloaded']);
    const { total } = await dataOf<{ total: number }>(await fetch(`${stack.url}/api/knowledge/documents`));
    assert.equal(total, 1, 'nothing of the refused upload is left');
    controller.abort();
  });

  it('tells those who wait where they are, and takes callers in turn', async () => {
    await using stack = await startStack({
      services: ['chat-worker'],
      tokenDelayMs: 60,
      env: { CHAT_CONCURRENCY: '1' },
    });
    const ask = async (user: string) => {
      const events = await collectEvents(
        await postJson(`${stack.url}/api/chat`, { ...question, user, stream: true, max_tokens: 20 }),
      );
      return { user, ended: performance.now(), events };
    };
    const greedy = [];
    for (let i = 0; i < 5; i += 1) greedy.push(ask('greedy'));
    await waitFor(() => stack.model.requests.open === 1, { what: 'the first to run' });
    const modest = await ask('modest');
    const others = await Promise.all(greedy);
    assert.ok(
      others.filter(({ ended }) => ended < modest.ended).length <= 2,
      'one caller does not wait for all jobs of another',
    );
    const last = others.toSorted((a, b) => b.ended - a.ended)[0];
    const positions = last?.events
      .filter(({ event }) => event === 'queued')
      .map(({ data }) => (JSON.parse(data) as { position: number }).position);
    assert.ok(
      (positions?.length ?? 0) >= 2,
      `it was told of its position as it changed: ${positions?.join()}`,
    );
    assert.ok((positions?.[0] ?? 0) > (positions?.at(-1) ?? 0), positions?.join());
  });
});

describe('queues in shards', () => {
  it('answer, cancel and refuse as one queue does', async () => {
    await using stack = await startStack({ env: { QUEUE_SHARDS: '3' } });
    const responses = await Promise.all(
      Array.from({ length: 12 }, () => postJson(`${stack.url}/api/chat`, question)),
    );
    for (const response of responses) assert.equal(response.status, 200);
    const document = await uploadAndWait(stack.url, 'a.txt', 'A text in shards.');
    assert.equal(document.status, 200);
    const redis = new Redis(stack.redis.url);
    try {
      const queues = new Set(
        (await redis.keys('sluice:{queue-chat*')).map((key) => /\{(.+)\}/.exec(key)?.[1]),
      );
      for (const queue of ['queue-chat', 'queue-chat-1', 'queue-chat-2']) assert.ok(queues.has(queue), queue);
    } finally {
      redis.disconnect();
    }
  });
});
