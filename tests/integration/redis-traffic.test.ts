import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { collectEvents, contentOf, dataOf, postJson, uploadAndWait } from '../helpers/api.ts';
import { startStack } from '../helpers/stack.ts';

describe('what a chat does to Redis', () => {
  it('appends in coalesced batches, nothing per token, and every log has a time to live and a tenant', async () => {
    await using stack = await startStack({ tokenDelayMs: 0 });
    const redis = new Redis(stack.redis.url);
    const commands: string[][] = [];
    const monitor = await redis.monitor();
    monitor.on('monitor', (_time: string, args: string[]) => commands.push(args));
    try {
      const indexed = await uploadAndWait(
        stack.url,
        'a.txt',
        'The harbour has three cranes. The oldest crane was built in 1903.',
      );
      const { id: documentId } = await dataOf<{ id: string }>(indexed);
      const response = await postJson(`${stack.url}/api/chat`, {
        stream: true,
        knowledge: true,
        messages: [{ role: 'user', content: 'When was the oldest crane built?' }],
      });
      const text = contentOf(await collectEvents(response));
      const id = response.headers.get('x-chat-id') ?? '';

      const logKey = `sluice:{default:${id}}:log`;
      const appends = commands.filter(
        ([command, ...args]) => /^eval/i.test(command ?? '') && args.includes(logKey),
      );
      const tokens = text.split(/\s+/).length;
      assert.ok(
        appends.length >= 1 && appends.length < tokens / 2,
        `${appends.length} appends for ${tokens} words`,
      );
      const writesOf = (word: string) =>
        commands.filter(
          ([command, ...args]) =>
            /^(xadd|set|append|rpush|lpush|hset|hmset|publish)$/i.test(command ?? '') &&
            args.join(' ').includes(word),
        );
      const others = writesOf(id).filter(
        (args) => !args.includes(logKey) && !/^publish$/i.test(args[0] ?? ''),
      );
      assert.ok(
        others.length <= 12,
        `beside the log only the queue is written, once a step: ${others.map((args) => args.slice(0, 2).join(' ')).join(', ')}`,
      );

      for (const key of [logKey, `sluice:{default:${documentId}_v1}:log`]) {
        const ttl = await redis.ttl(key);
        assert.ok(ttl > 0 && ttl <= 3_600, `${key} lives ${ttl} s`);
      }
      const keys = await redis.keys('*');
      assert.deepEqual(
        keys.filter((key) => !/^sluice:\{(default[:}]|queue-|reaper}|index}|ops})/.test(key)),
        [],
        'every key has its place',
      );
      for (const [, fields] of await redis.xrange(logKey, '-', '+')) assert.equal(fields[3], 'default');
    } finally {
      monitor.disconnect();
      redis.disconnect();
    }
  });
});
