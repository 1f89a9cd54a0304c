import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ChatMessage } from '@sluice/shared/contracts/chat';
import { appendRecords } from '@sluice/shared/event-log/append';
import { Doorbell } from '@sluice/shared/event-log/doorbell';
import { createLog, readWholeLog } from '@sluice/shared/event-log/log';
import { createLogger } from '@sluice/shared/logger';
import type { ModelClient } from '@sluice/shared/model-client';
import { closeRedis, connectRedis } from '@sluice/shared/redis/connection';
import type { ConnectionRole, RedisClient } from '@sluice/shared/redis/connection';
import type { VectorStore } from '@sluice/shared/vector-store/port';
import { answerChat } from '../../services/chat-worker/src/answer.ts';
import { startRedis } from '../helpers/redis.ts';
import type { TestRedis } from '../helpers/redis.ts';

const logger = createLogger({ service: 'test', level: 'silent' });

describe('a worker that was cut off with text in hand', () => {
  let server: TestRedis;
  const connections: RedisClient[] = [];
  const connect = (role: ConnectionRole) => {
    const redis = connectRedis({ url: server.url, role, service: 'test', logger });
    connections.push(redis);
    return redis;
  };
  before(async () => {
    server = await startRedis();
  });
  after(async () => {
    await Promise.all(connections.map(closeRedis));
    await server.stop();
  });

  for (const hasBegun of [true, false]) {
    it(`may write it after its successor has read the log (${hasBegun ? 'some' : 'none'} of it was there)`, async () => {
      const appender = connect('appender');
      const log = { tenant: 'default', jobId: `chat_${hasBegun}`, retentionMs: 60_000 };
      await createLog(appender, log, { type: 'queued', position: 0 });
      const first = [
        { type: 'started' as const, attempt: 1 },
        { type: 'delta' as const, content: 'one ' },
      ];
      if (hasBegun) await appendRecords(appender, log, 1, 1, first);

      const redis = connect('worker');
      let reads = 0;
      const lateRedis = new Proxy(redis, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name);
          if (typeof value !== 'function') return value;
          if (name !== 'xrange') return value.bind(target) as unknown;
          return async (...args: unknown[]) => {
            const entries: unknown = await (value as (...all: unknown[]) => Promise<unknown>).apply(
              target,
              args,
            );
            // The predecessor's last flush comes in just after the successor's first read.
            if (++reads === 1) {
              const late = { type: 'delta' as const, content: 'two ' };
              await appendRecords(appender, log, 1, hasBegun ? 3 : 1, hasBegun ? [late] : [...first, late]);
            }
            return entries;
          };
        },
      });

      let asked: readonly ChatMessage[] = [];
      const model: ModelClient = {
        async *streamChat(request) {
          asked = request.messages;
          yield { type: 'content', text: 'three' };
          yield { type: 'finish', reason: 'stop' };
        },
        embed: () => Promise.resolve([]),
      };
      const data = {
        tenant: 'default',
        id: log.jobId,
        request_id: 'r',
        caller: 'c',
        messages: [{ role: 'user' as const, content: 'Count.' }],
        model: 'm',
        temperature: 0,
        max_tokens: 100,
        knowledge: false,
      };
      await answerChat(
        {
          redis: lateRedis,
          appender,
          doorbell: new Doorbell(connect('subscriber'), logger),
          model,
          store: {} as VectorStore,
          logger,
          reranker: undefined,
          knowledge: { condense: false, tokenBudget: 4_000 },
          takeover: { mode: 'continue', style: 'prefill' },
          cancelUnwatchedMs: 0,
        },
        { data, attempt: 2, isLastTry: true, signal: new AbortController().signal },
      );
      assert.deepEqual(asked.at(-1), { role: 'assistant', content: 'one two ' });
      const text = (await readWholeLog(redis, log)).map(({ record }) =>
        record.type === 'delta' ? record.content : '',
      );
      assert.equal(text.join(''), 'one two three');
    });
  }
});
