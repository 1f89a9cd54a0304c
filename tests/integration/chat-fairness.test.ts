import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Redis } from 'ioredis';
import { admissionKeys } from '@sluice/shared/redis/keys';
import { collectEvents, postJson } from '../helpers/api.ts';
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
