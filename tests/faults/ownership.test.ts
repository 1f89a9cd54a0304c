import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { collectEvents, contentOf, dataOf, postJson, readEvents } from '../helpers/api.ts';
import { scrape } from '../helpers/metrics.ts';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';

const question = { messages: [{ role: 'user', content: '你是谁？你能做什么？' }] };
const lastEvent = async (response: Response) => (await collectEvents(response)).at(-1);

describe('who owns a job', () => {
  it('a job that brings down every worker is given up after three, with one end', async () => {
    await using stack = await startStack({ services: [], tokenDelayMs: 200 });
    const response = await postJson(`${stack.url}/api/chat`, { ...question, stream: true });
    for (let i = 0; i < 3; i += 1) {
      const before = stack.model.requests.open;
      const worker = await stack.start('chat-worker');
      await waitFor(() => stack.model.requests.open > before, {
        timeoutMs: 20_000,
        what: 'the worker to ask the model',
      });
      await worker.kill();
      await waitFor(() => stack.model.requests.open === 0, { what: 'the request of the dead worker to end' });
    }
    const survivor = await stack.start('chat-worker');
    const events = await collectEvents(response);
    assert.equal(events.at(-1)?.event, 'error');
    assert.equal((JSON.parse(events.at(-1)?.data ?? '') as { code: string }).code, 'worker_lost');
    assert.equal(events.filter(({ event, data }) => event === 'error' || data === '[DONE]').length, 1);
    assert.equal(stack.model.requests.open, 0, 'the fourth worker did not try');
    const next = await postJson(`${stack.url}/api/chat`, { ...question, max_tokens: 5 });
    assert.equal(next.status, 200, 'and lives');
    await next.body?.cancel();
    assert.match(survivor.logs(), /gave up a job/);
    assert.equal((await scrape(survivor.url)).sum('sluice_jobs_abandoned_total', { queue: 'chat' }), 1);
  });

  it('a log whose job is gone is ended by the reaper', async () => {
    await using stack = await startStack({ services: [] });
    const response = await postJson(`${stack.url}/api/chat`, { ...question, stream: true });
    const redis = new Redis(stack.redis.url);
    try {
      // As a Redis leaves it that lost the tail of its file: the log is there, the job is not.
      for (const key of await redis.keys('sluice:{queue-chat}:chat:*')) await redis.del(key);
    } finally {
      redis.disconnect();
    }
    const end = await lastEvent(response);
    assert.equal((JSON.parse(end?.data ?? '') as { code: string }).code, 'worker_lost');
  });

  it('a log whose job and place in the backlog are gone is ended for who follows it, a silent one is not', async () => {
    const env = { NO_WORKER_TIMEOUT_SECONDS: '5', CHAT_CONCURRENCY: '1' };
    await using stack = await startStack({ services: ['chat-worker'], tokenDelayMs: 40_000, env });
    const short = { ...question, max_tokens: 1, stream: true };
    const silent = await postJson(`${stack.url}/api/chat`, short);
    await waitFor(() => stack.model.requests.open === 1, { what: 'the silent chat to begin' });
    const response = await postJson(`${stack.url}/api/chat`, short);
    const redis = new Redis(stack.redis.url);
    try {
      // As a node of a cluster leaves it that failed over before it had replicated.
      const id = response.headers.get('x-chat-id') ?? '';
      const queue = 'sluice:{queue-chat}:chat';
      assert.equal(await redis.zrem(`${queue}:prioritized`, id), 1);
      assert.equal(await redis.del(`${queue}:${id}`), 1);
      await redis.del(['waiting', 'open', 'counts'].map((name) => `sluice:{queue-chat}:admission:${name}`));
    } finally {
      redis.disconnect();
    }
    const ends = (await collectEvents(response)).filter(
      ({ event, data }) => event === 'error' || data === '[DONE]',
    );
    assert.deepEqual(
      ends.map(({ data }) => (JSON.parse(data) as { code: string }).code),
      ['worker_lost'],
    );
    assert.equal((await lastEvent(silent))?.data, '[DONE]');
  });

  it('a job that no worker is there for is ended after a while, and not done later', async () => {
    await using stack = await startStack({ services: [], env: { NO_WORKER_TIMEOUT_SECONDS: '12' } });
    const asked = performance.now();
    const response = await postJson(`${stack.url}/api/chat`, question);
    assert.equal(response.status, 503);
    // The reaper looks every 10 s: 12 s of a job that waits and 12 s without a worker are over at its third look.
    assert.ok(performance.now() - asked < 36_000, 'the one does not wait for the other');
    const { error } = (await response.json()) as { error: { code: string } };
    assert.equal(error.code, 'no_worker');
    await stack.start('chat-worker');
    assert.equal((await postJson(`${stack.url}/api/chat`, question)).status, 200);
    assert.equal(stack.model.requests.aborted, 0);
  });
});

describe('drain', () => {
  it('a worker lets its answers end', async () => {
    await using stack = await startStack({ services: ['chat-worker'], tokenDelayMs: 20 });
    const response = await postJson(`${stack.url}/api/chat`, { ...question, stream: true });
    let stopped: Promise<number | null> | undefined;
    const events = [];
    for await (const event of readEvents(response)) {
      events.push(event);
      if (event.event === undefined) stopped ??= stack.services[1]?.stop();
    }
    assert.equal(await stopped, 0);
    assert.equal(events.at(-1)?.data, '[DONE]');
    assert.ok(!events.some(({ event }) => event === 'continued'));
  });

  it('a worker hands over what takes too long, at once and without a break', async () => {
    await using stack = await startStack({
      services: ['chat-worker'],
      tokenDelayMs: 50,
      env: { DRAIN_TIMEOUT_MS: '1000' },
    });
    const whole = await dataOf<{ content: string }>(await postJson(`${stack.url}/api/chat`, question));
    const response = await postJson(`${stack.url}/api/chat`, { ...question, stream: true });
    let stopped: Promise<number | null> | undefined;
    const events = [];
    for await (const event of readEvents(response)) {
      events.push(event);
      if (event.event !== undefined || stopped) continue;
      await stack.start('chat-worker');
      stopped = stack.services[1]?.stop();
    }
    assert.equal(await stopped, 0, 'it ended within its time');
    assert.equal(contentOf(events), whole.content);
    assert.equal(events.filter(({ event }) => event === 'continued').length, 1);
    assert.equal(events.at(-1)?.data, '[DONE]');
  });

  it('a gateway ends its streams without an end, and another one goes on', async () => {
    await using stack = await startStack({ services: ['chat-worker'], tokenDelayMs: 50 });
    const other = await stack.start('gateway');
    const response = await postJson(`${stack.url}/api/chat`, { ...question, stream: true });
    const id = response.headers.get('x-chat-id') ?? '';
    let stopped: Promise<number | null> | undefined;
    const events = [];
    for await (const event of readEvents(response)) {
      events.push(event);
      if (event.event === undefined) stopped ??= stack.gateway.stop();
    }
    assert.equal(await stopped, 0);
    assert.notEqual(events.at(-1)?.data, '[DONE]', 'the answer has not ended');
    const cursor = events.at(-1)?.id ?? '';
    const rest = await collectEvents(await fetch(`${other.url}/api/chat/${id}/events?after=${cursor}`));
    assert.equal(rest.at(-1)?.data, '[DONE]');
    const all = await collectEvents(await fetch(`${other.url}/api/chat/${id}/events`));
    assert.deepEqual([...events.filter((event) => event.id !== undefined), ...rest], all);
  });
});
