import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Redis } from 'ioredis';
import { admissionKeys } from '@sluice/shared/redis/keys';
import { collectEvents, postJson } from '../helpers/api.ts';
import { startService } from '../helpers/process.ts';
import { startStack } from '../helpers/stack.ts';

const JOBS = 1_000;
const AT_ONCE = 20;
const messages = [{ role: 'user', content: 'Who are you?' }];

it('a thousand chats of one caller do not delay the first of another', async () => {
  await using stack = await startStack({
    services: [],
    tokenDelayMs: 10,
    env: { CHAT_CONCURRENCY: '1', CHAT_BACKLOG_LIMIT: '2000' },
  });
  const submit = async (user: string) => {
    const leaving = new AbortController();
    const response = await fetch(`${stack.url}/api/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ messages, user, stream: true }),
      signal: leaving.signal,
    });
    assert.equal(response.status, 200);
    leaving.abort();
  };
  for (let jobs = 0; jobs < JOBS; jobs += AT_ONCE)
    await Promise.all(Array.from({ length: AT_ONCE }, () => submit('greedy')));

  const modest = postJson(`${stack.url}/api/chat`, { messages, user: 'modest', stream: true });
  const ended = collectEvents(await modest);
  await stack.start('chat-worker');
  assert.equal((await ended).at(-1)?.data, '[DONE]');
  const redis = new Redis(stack.redis.url);
  const waiting = await redis.zcard(admissionKeys('chat').waiting).finally(() => redis.disconnect());
  assert.ok(waiting >= JOBS - 4, `${JOBS - waiting} of the other caller's went first`);
});

it('tells callers without a name apart by their addresses, also behind the proxies that are trusted', async () => {
  await using stack = await startStack({ services: [] });
  const trusting = await stack.start('gateway', { TRUST_PROXY: 'loopback, 10.0.0.0/8' });
  const leaving = new AbortController();
  for (const url of [stack.url, trusting.url])
    await fetch(`${url}/api/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': '203.0.113.9, 10.1.2.3' },
      body: JSON.stringify({ messages, stream: true }),
      signal: leaving.signal,
    });
  leaving.abort();
  const redis = new Redis(stack.redis.url);
  const members = await redis.zrange(admissionKeys('chat').open, 0, -1).finally(() => redis.disconnect());
  assert.deepEqual(
    members.map((member) => member.split(' ').at(-1)),
    ['10.1.2.3', '203.0.113.9'],
  );
});

it('says what is no proxy that can be trusted', async () => {
  for (const wrong of ['nginx', '10.0.0.0/33', '10.0.0.0/0', '10.0.0.256'])
    await assert.rejects(
      startService('gateway', { TRUST_PROXY: wrong }),
      /TRUST_PROXY.*must be a comma-separated/,
    );
});
