import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Redis } from 'ioredis';
import type { LogRecord } from '@sluice/shared/contracts/events';
import { appendRecords, LogRefusedError } from '@sluice/shared/event-log/append';
import type { Refusal } from '@sluice/shared/event-log/append';
import { Doorbell } from '@sluice/shared/event-log/doorbell';
import type { LogEntry } from '@sluice/shared/event-log/entry';
import { closeLog, createLog, readWholeLog } from '@sluice/shared/event-log/log';
import { followLog } from '@sluice/shared/event-log/reader';
import type { FollowOptions } from '@sluice/shared/event-log/reader';
import { LogWriter } from '@sluice/shared/event-log/writer';
import { createLogger } from '@sluice/shared/logger';
import { closeRedis, connectRedis } from '@sluice/shared/redis/connection';
import { bellChannel, logKey } from '@sluice/shared/redis/keys';
import { waitFor } from '../helpers/poll.ts';
import { startRedis } from '../helpers/redis.ts';
import type { TestRedis } from '../helpers/redis.ts';

const logger = createLogger({ service: 'test', level: 'silent' });
const RETENTION_MS = 60_000;
let nextLog = 0;

describe('event log', () => {
  let server: TestRedis;
  let redis: Redis;
  let appender: Redis;
  let subscriber: Redis;
  let doorbell: Doorbell;

  before(async () => {
    server = await startRedis();
    const connect = (role: 'worker' | 'appender' | 'subscriber') =>
      connectRedis({ url: server.url, role, service: 'test', logger }) as Redis;
    redis = connect('worker');
    appender = connect('appender');
    subscriber = connect('subscriber');
    doorbell = new Doorbell(subscriber, logger);
  });
  after(async () => {
    await Promise.all([redis, appender, subscriber].map(closeRedis));
    await server.stop();
  });

  const newLog = async () => {
    const log = { tenant: 'default', jobId: `job-${nextLog++}`, retentionMs: RETENTION_MS };
    await createLog(redis, log, { type: 'queued', position: 0 });
    return log;
  };
  const refusal = (code: Refusal) => (error: unknown) =>
    error instanceof LogRefusedError && error.refusal === code;
  const delta = (content: string): LogRecord => ({ type: 'delta', content });
  const done: LogRecord = { type: 'done', finish_reason: 'stop' };
  const follow = (log: { tenant: string; jobId: string }, options: FollowOptions = {}) =>
    followLog({ redis, doorbell }, log, options);
  const collect = async (entries: AsyncIterable<LogEntry[]>) => {
    const all: LogEntry[] = [];
    for await (const batch of entries) all.push(...batch);
    return all;
  };
  const textOf = (entries: LogEntry[]) =>
    entries.map(({ record }) => (record.type === 'delta' ? record.content : '')).join('');

  describe('append', () => {
    it('gives ids <attempt>-<seq>, carries the tenant in each entry, and keeps a time to live', async () => {
      const log = await newLog();
      await appendRecords(appender, log, 1, 1, [{ type: 'started', attempt: 1, model: 'm' }, delta('a')]);
      await appendRecords(appender, log, 1, 3, [delta('b')]);
      const raw = await redis.xrange(logKey('default', log.jobId), '-', '+');
      assert.deepEqual(
        raw.map(([id]) => id),
        ['0-1', '1-1', '1-2', '1-3'],
      );
      for (const [, fields] of raw) assert.deepEqual(fields.slice(2, 4), ['tenant', 'default']);
      const ttl = () => redis.pttl(logKey('default', log.jobId));
      assert.ok((await ttl()) > RETENTION_MS, 'longer than its retention while it has no end');
      await appendRecords(appender, log, 1, 4, [done]);
      assert.ok((await ttl()) > RETENTION_MS / 2 && (await ttl()) <= RETENTION_MS, `ttl ${await ttl()}`);
    });

    it('leaves a log that is there as it is when it is created again', async () => {
      const log = await newLog();
      await appendRecords(appender, log, 1, 1, [delta('a'), done]);
      const entries = await readWholeLog(redis, log);
      await createLog(redis, log, { type: 'queued', position: 7 });
      assert.deepEqual(await readWholeLog(redis, log), entries);
      assert.ok((await redis.pttl(logKey('default', log.jobId))) <= RETENTION_MS);
    });

    it('refuses a log that does not exist', async () => {
      const log = { tenant: 'default', jobId: 'never-created', retentionMs: RETENTION_MS };
      await assert.rejects(appendRecords(appender, log, 1, 1, [delta('a')]), refusal('MISSING'));
    });

    it('refuses a log of another tenant: its key is another', async () => {
      const log = await newLog();
      await assert.rejects(
        appendRecords(appender, { ...log, tenant: 'other' }, 1, 1, [delta('a')]),
        refusal('MISSING'),
      );
    });

    it('refuses an attempt below the highest seen, and writes nothing of it', async () => {
      const log = await newLog();
      await appendRecords(appender, log, 2, 1, [delta('new')]);
      await assert.rejects(appendRecords(appender, log, 1, 1, [delta('stale')]), refusal('FENCED'));
      assert.equal(textOf(await readWholeLog(redis, log)), 'new');
    });

    it('refuses a gap in the sequence, also at the start of an attempt', async () => {
      const log = await newLog();
      await assert.rejects(appendRecords(appender, log, 1, 2, [delta('b')]), refusal('GAP'));
      await appendRecords(appender, log, 1, 1, [delta('a')]);
      await assert.rejects(appendRecords(appender, log, 1, 3, [delta('c')]), refusal('GAP'));
    });

    it('takes a repetition as done, whole or in part, so that a resent append does no harm', async () => {
      const log = await newLog();
      await appendRecords(appender, log, 1, 1, [delta('a'), delta('b')]);
      await appendRecords(appender, log, 1, 1, [delta('a'), delta('b')]);
      await appendRecords(appender, log, 1, 2, [delta('b'), delta('c'), done]);
      await appendRecords(appender, log, 1, 2, [delta('b'), delta('c'), done]);
      assert.equal(textOf(await readWholeLog(redis, log)), 'abc');
    });

    for (const end of [done, { type: 'failed', error: 'no', code: 'x' }, { type: 'cancelled' }] as const) {
      it(`takes nothing after ${end.type}`, async () => {
        const log = await newLog();
        await appendRecords(appender, log, 1, 1, [end]);
        await assert.rejects(appendRecords(appender, log, 1, 2, [delta('late')]), refusal('CLOSED'));
        await assert.rejects(appendRecords(appender, log, 2, 1, [delta('late')]), refusal('CLOSED'));
        assert.equal(await closeLog(redis, log, { type: 'cancelled' }), false);
      });
    }

    it('lets an outsider end a log, which fences off its writer', async () => {
      const log = await newLog();
      await appendRecords(appender, log, 1, 1, [delta('a')]);
      assert.equal(await closeLog(redis, log, { type: 'cancelled' }), true);
      await assert.rejects(appendRecords(appender, log, 1, 2, [delta('b')]), refusal('FENCED'));
      assert.equal(await closeLog(redis, { ...log, jobId: 'never-created' }, { type: 'cancelled' }), false);
    });
  });

  describe('writer', () => {
    it('joins what one turn brings, and keeps order and every character', async () => {
      const log = await newLog();
      const writer = new LogWriter({ redis: appender, log, attempt: 1 });
      const tokens = Array.from({ length: 1_000 }, (_, i) => `第${i}个 `);
      for (const token of tokens) writer.append(delta(token));
      writer.append({ type: 'usage', prompt_tokens: 1, completion_tokens: 2 });
      await writer.close({ type: 'done', finish_reason: 'stop' });
      const entries = await readWholeLog(redis, log);
      assert.equal(textOf(entries), tokens.join(''));
      assert.deepEqual(
        entries.map(({ record }) => record.type),
        ['queued', 'delta', 'usage', 'done'],
      );
    });

    it('joins reasoning with reasoning, but not with content', async () => {
      const log = await newLog();
      const writer = new LogWriter({ redis: appender, log, attempt: 1 });
      writer.append({ type: 'delta', reasoning: 'h' });
      writer.append({ type: 'delta', reasoning: 'm' });
      writer.append(delta('a'));
      writer.append(delta('b'));
      await writer.flushed();
      const records = (await readWholeLog(redis, log)).map(({ record }) => record);
      assert.deepEqual(records.slice(1), [{ type: 'delta', reasoning: 'hm' }, delta('ab')]);
    });

    it('tells its owner at the first refusal, and writes nothing more', async () => {
      const log = await newLog();
      const zombie = new LogWriter({ redis: appender, log, attempt: 1 });
      zombie.append(delta('from one'));
      await zombie.flushed();
      const successor = new LogWriter({ redis: appender, log, attempt: 2 });
      successor.append({ type: 'continued', attempt: 2 });
      await successor.flushed();
      zombie.append(delta(' stale'));
      await assert.rejects(zombie.flushed(), refusal('FENCED'));
      assert.equal(zombie.signal.aborted, true);
      zombie.append(delta(' stale again'));
      await assert.rejects(zombie.close({ type: 'done', finish_reason: 'stop' }), refusal('FENCED'));
      assert.equal(textOf(await readWholeLog(redis, log)), 'from one');
    });

    for (const field of ['content', 'reasoning'] as const) {
      it(`holds its producer of ${field} back while Redis does not take what it has`, async () => {
        const log = await newLog();
        const own = connectRedis({ url: server.url, role: 'appender', service: 'test', logger }) as Redis;
        try {
          await own.ping();
          own.stream.pause();
          const writer = new LogWriter({ redis: own, log, attempt: 1 });
          const append = (letter: string) =>
            writer.append({ type: 'delta', [field]: letter.repeat(100_000) });
          append('x');
          append('y');
          let isReady = false;
          const ready = writer.ready().then(() => (isReady = true));
          await new Promise((resolve) => setImmediate(resolve));
          append('z');
          await redis.ping();
          assert.equal(isReady, false);
          own.stream.resume();
          await ready;
          await writer.flushed();
          const texts = (await readWholeLog(redis, log)).map(({ record }) =>
            record.type === 'delta' ? (record[field] ?? '') : '',
          );
          assert.equal(texts.join('').length, 300_000);
        } finally {
          await closeRedis(own);
        }
      });
    }

    it('says for how long nobody has heard it, which is no time while somebody listens to its silence', async () => {
      const log = await newLog();
      const writer = new LogWriter({ redis: appender, log, attempt: 1 });
      const stop = new AbortController();
      const heard = collect(follow(log, { signal: stop.signal }));
      await waitFor(async () => (await redis.pubsub('NUMSUB', bellChannel(log.tenant, log.jobId)))[1] === 1, {
        what: 'the reader to listen',
      });
      writer.append({ type: 'started', attempt: 1 });
      await writer.flushed();
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(writer.unheardMs, 0);
      stop.abort();
      await heard;
      writer.append(delta('unheard'));
      await writer.flushed();
      await waitFor(() => writer.unheardMs > 20, { what: 'the silence to be noticed' });
    });
  });

  describe('reader', () => {
    it('replays and then follows to the end, each entry once and in order, for several readers', async () => {
      const log = await newLog();
      const writer = new LogWriter({ redis: appender, log, attempt: 1 });
      writer.append(delta('before '));
      await writer.flushed();
      const readers = [collect(follow(log)), collect(follow(log))];
      for (let i = 0; i < 50; i += 1) {
        writer.append(delta(`${i} `));
        await writer.flushed();
      }
      await writer.close({ type: 'done', finish_reason: 'stop' });
      const expected = await readWholeLog(redis, log);
      for (const reader of readers) assert.deepEqual(await reader, expected);
    });

    it('begins after a cursor', async () => {
      const log = await newLog();
      await appendRecords(appender, log, 1, 1, [delta('a'), delta('b'), done]);
      assert.equal(textOf(await collect(follow(log, { after: '1-1' }))), 'b');
      assert.deepEqual(await collect(follow(log, { after: '1-3' })), []);
    });

    it('refuses an unknown log and a cursor beyond the end', async () => {
      const log = await newLog();
      await assert.rejects(collect(follow({ ...log, jobId: 'never-created' })), {
        code: 'not_found',
        status: 404,
      });
      await assert.rejects(collect(follow({ ...log, tenant: 'other' })), { code: 'not_found', status: 404 });
      await assert.rejects(collect(follow(log, { after: '9-9' })), { code: 'unknown_cursor', status: 410 });
    });

    it('fills the gap when messages are lost while its connection is down', async () => {
      const log = await newLog();
      const writer = new LogWriter({ redis: appender, log, attempt: 1 });
      const reader = collect(follow(log));
      for (let round = 0; round < 5; round += 1) {
        writer.append(delta(`${round} before, `));
        await writer.flushed();
        await redis.client('KILL', 'TYPE', 'PUBSUB');
        writer.append(delta(`${round} unheard, `));
        await writer.flushed();
        await waitFor(
          async () => (await redis.pubsub('NUMSUB', bellChannel('default', log.jobId)))[1] === 1,
          {
            what: 'the subscription to be renewed',
          },
        );
      }
      await writer.close({ type: 'done', finish_reason: 'stop' });
      assert.deepEqual(await reader, await readWholeLog(redis, log));
    });

    it('fills a gap that it hears of only by the message after it', async () => {
      const log = await newLog();
      const reader = collect(follow(log));
      await waitFor(async () => (await redis.pubsub('NUMSUB', bellChannel('default', log.jobId)))[1] === 1, {
        what: 'the subscription',
      });
      await redis.xadd(
        logKey('default', log.jobId),
        '1-1',
        'type',
        'delta',
        'tenant',
        'default',
        'data',
        '{"content":"silent"}',
      );
      await appendRecords(appender, log, 1, 2, [delta(' loud'), done]);
      assert.equal(textOf(await reader), 'silent loud');
    });

    it('does not take a renewed subscription for silence, however often it is renewed', async () => {
      const log = await newLog();
      const channel = bellChannel('default', log.jobId);
      const silences: number[] = [];
      const reader = collect(follow(log, { onSilence: async (ms) => void silences.push(ms) }));
      const isSubscribed = async () => (await redis.pubsub('NUMSUB', channel))[1] === 1;
      for (let round = 0; round < 3; round += 1) {
        await waitFor(isSubscribed, { what: 'the subscription' });
        await redis.client('KILL', 'TYPE', 'PUBSUB');
      }
      await waitFor(isSubscribed, { what: 'the subscription to be renewed' });
      await appendRecords(appender, log, 1, 1, [done]);
      assert.equal((await reader).length, 2);
      assert.deepEqual(silences, []);
    });

    it('fails alone when it hears a record that it does not know, as of a newer version', async () => {
      const log = await newLog();
      const reader = follow(log);
      assert.equal((await reader.next()).value?.length, 1);
      const next = reader.next();
      await appendRecords(appender, log, 1, 1, [{ type: 'to_come' } as unknown as LogRecord]);
      await assert.rejects(next, /type/);
    });

    it('ends its subscription when it is left early or told to stop', async () => {
      const log = await newLog();
      const channel = bellChannel('default', log.jobId);
      const subscribers = async () => (await redis.pubsub('NUMSUB', channel))[1];
      for await (const _ of follow(log)) break;
      await waitFor(async () => (await subscribers()) === 0, { what: 'the subscription to end' });
      const stop = new AbortController();
      const reader = follow(log, { signal: stop.signal });
      assert.equal((await reader.next()).value?.length, 1);
      assert.equal(await subscribers(), 1);
      const next = reader.next();
      stop.abort();
      assert.deepEqual(await next, { done: true, value: undefined });
      await waitFor(async () => (await subscribers()) === 0, { what: 'the subscription to end' });
    });

    it('holds little of what a slow consumer has not taken, and still gives it everything', async () => {
      const log = await newLog();
      const writer = new LogWriter({ redis: appender, log, attempt: 1 });
      const reader = follow(log);
      const first = await reader.next();
      assert.ok(first.value);
      const rounds = 20;
      for (let i = 0; i < rounds; i += 1) {
        writer.append(delta(String(i % 10).repeat(50_000)));
        await writer.flushed();
      }
      await writer.close({ type: 'done', finish_reason: 'stop' });
      const rest = await collect(reader);
      assert.deepEqual([...first.value, ...rest], await readWholeLog(redis, log));
    });
  });
});
