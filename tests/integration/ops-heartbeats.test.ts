import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Counter, Gauge } from 'prom-client';
import { createLogger } from '@sluice/shared/logger';
import { registry } from '@sluice/shared/metrics/registry';
import { readHeartbeats, startHeartbeat } from '@sluice/shared/ops/heartbeat';
import { noteError, readRecentErrors } from '@sluice/shared/ops/recent-errors';
import { readUsage } from '@sluice/shared/ops/usage';
import { closeRedis, connectRedis } from '@sluice/shared/redis/connection';
import type { RedisClient } from '@sluice/shared/redis/connection';
import { heartbeatsKey, heartbeatTimesKey, recentErrorsKey } from '@sluice/shared/redis/keys';
import { waitFor } from '../helpers/poll.ts';
import { startRedis } from '../helpers/redis.ts';
import type { TestRedis } from '../helpers/redis.ts';

const logger = createLogger({ service: 'test', level: 'silent' });

/** What a worker counts, as its own modules declare it. */
const registers = [registry];
const slots = new Gauge({ name: 'sluice_job_slots', help: 'h', labelNames: ['queue'], registers });
const running = new Gauge({ name: 'sluice_jobs_running', help: 'h', labelNames: ['queue'], registers });
const labelNames = ['work', 'outcome', 'code', 'tenant'];
const ended = new Counter({ name: 'sluice_jobs_ended_total', help: 'h', labelNames, registers });
const tokens = new Counter({
  name: 'sluice_chat_tokens_generated_total',
  help: 'h',
  labelNames: ['tenant'],
  registers,
});

describe('heartbeats', () => {
  let server: TestRedis;
  let redis: RedisClient;
  before(async () => {
    server = await startRedis({ appendonly: true });
    redis = connectRedis({ url: server.url, role: 'commands', service: 'test', logger });
    await waitFor(async () => redis.status === 'ready', { what: 'a connection' });
  });
  after(async () => {
    await closeRedis(redis);
    await server.stop();
  });
  const begin = () => startHeartbeat({ redis, service: 'chat-worker', logger });
  const seen = async () => (await readHeartbeats(redis)).filter(({ service }) => service === 'chat-worker');
  const waitForOne = (what: string, holds: (one: Awaited<ReturnType<typeof seen>>[number]) => boolean) =>
    waitFor(async () => (await seen()).some(holds), { what, timeoutMs: 20_000 });

  it('tell how a process fares, what it has counted lately, and that it goes', async () => {
    slots.set({ queue: 'chat' }, 100);
    running.set({ queue: 'chat' }, 3);
    const heartbeat = begin();
    await waitForOne('a heartbeat', () => true);
    ended.inc({ work: 'chat', outcome: 'done', code: '', tenant: 'default' }, 2);
    ended.inc({ work: 'document', outcome: 'failed', code: 'no_text', tenant: 'default' });
    tokens.inc({ tenant: 'default' }, 41.5);
    await waitForOne('what was counted', ({ recent }) => recent.tokens_generated === 41.5);
    const [one] = await seen();
    assert.ok(one);
    assert.deepEqual(one.queues, { chat: { running: 3, slots: 100 } });
    assert.deepEqual(one.recent.ended, [
      { work: 'chat', outcome: 'done', code: '', count: 2 },
      { work: 'document', outcome: 'failed', code: 'no_text', count: 1 },
    ]);
    assert.equal(one.pid, process.pid);
    assert.ok(one.rss_bytes > 10_000_000 && one.lag_ms < 10_000);
    assert.ok(Math.abs(Date.parse(one.started_at) - performance.timeOrigin) < 1_000);
    assert.ok(!one.isLost && one.ageMs < 5_000);

    const usage = { chats: 2, chats_failed: 0, tokens: 41, documents: 1, documents_failed: 1, chunks: 0 };
    assert.deepEqual(await readUsage(redis, 'default'), { today: usage, total: usage });

    heartbeat.drain();
    await waitForOne('the word that it drains', ({ draining }) => draining);
    await heartbeat[Symbol.asyncDispose]();
    assert.deepEqual(await seen(), []);
  });

  it('do not come after the goodbye, however soon that follows on a drain', async () => {
    for (let i = 0; i < 20; i += 1) {
      const heartbeat = begin();
      heartbeat.drain();
      await heartbeat[Symbol.asyncDispose]();
    }
    // A beat that was still on its way would be in front of this answer, or behind the one of the next turn.
    for (let i = 0; i < 20; i += 1) await redis.ping();
    assert.deepEqual(await seen(), [], 'none of them would be taken for lost');
  });

  it('stop with the process, which is then lost, and forgotten later', async () => {
    const silent = begin();
    await waitForOne('a heartbeat', () => true);
    const [{ id } = { id: '' }] = await seen();
    const [, json] = [await silent[Symbol.asyncDispose](), await redis.hget(heartbeatsKey, id)];
    assert.equal(json, null);
    const other = begin();
    await waitForOne('a heartbeat', () => true);
    const [alive] = await seen();
    const agoMs = (ms: number) => Date.now() - ms;
    const told = await redis.hget(heartbeatsKey, alive?.id ?? '');
    await redis.hset(heartbeatsKey, {
      late: told ?? '',
      lost: told ?? '',
      ancient: told ?? '',
      foreign: '{"x":1}',
    });
    await redis.zadd(
      heartbeatTimesKey,
      agoMs(6_000),
      'late',
      agoMs(11_000),
      'lost',
      agoMs(599_000),
      'ancient',
      agoMs(0),
      'foreign',
    );
    const all = await seen();
    assert.equal(all.length, 4, 'what cannot be read is left out');
    assert.equal(all.filter(({ isLost }) => isLost).length, 2);
    await waitFor(async () => (await redis.hexists(heartbeatsKey, 'ancient')) === 0, { what: 'oblivion' });
    assert.equal(await redis.hexists(heartbeatsKey, 'lost'), 1);
    await redis.del(heartbeatsKey, heartbeatTimesKey);
    await other[Symbol.asyncDispose]();
  });

  it('survive an outage of Redis without holding up anything', async () => {
    tokens.reset();
    const used = (await readUsage(redis, 'default')).total.tokens;
    await using _heartbeat = begin();
    await waitForOne('a heartbeat', () => true);
    const [before] = await seen();
    tokens.inc({ tenant: 'default' }, 8);
    await server.kill();
    await waitFor(async () => redis.status !== 'ready', { what: 'the loss of Redis' });
    noteError(redis, { source: 'request', code: 'redis_unavailable', message: 'lost' });
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await server.restart();
    await waitFor(async () => redis.status === 'ready', { what: 'Redis', timeoutMs: 20_000 });
    await waitForOne('the next heartbeat', ({ id, ageMs }) => id === before?.id && ageMs < 2_000);
    await waitFor(async () => (await readUsage(redis, 'default')).total.tokens === used + 8, {
      what: 'the tokens counted meanwhile',
    });
  });

  it('grow rarer where there are thousands of processes, and are read in pages', async () => {
    await using _heartbeat = begin();
    await waitForOne('a heartbeat', () => true);
    const [one] = await seen();
    const told = (await redis.hget(heartbeatsKey, one?.id ?? '')) ?? '';
    for (let i = 0; i < 3_000; i++) {
      void redis.hset(heartbeatsKey, `p${i}`, told.replace(one?.id ?? '', `p${i}`));
      void redis.zadd(heartbeatTimesKey, Date.now(), `p${i}`);
    }
    const begun = performance.now();
    assert.equal((await seen()).length, 3_001);
    const readMs = performance.now() - begun;
    assert.ok(readMs < 2_000, `${readMs} ms`);
    const mine = async () => (await seen()).find(({ id }) => id === one?.id);
    await waitFor(async () => (await mine())?.interval_ms === 6_002, {
      what: 'a longer interval',
      timeoutMs: 20_000,
    });
    await redis.del(heartbeatsKey, heartbeatTimesKey);
  });
});

describe('recent errors', () => {
  it('are the latest, and a storm of them is counted rather than kept', async () => {
    await using server = await startRedis();
    const redis = connectRedis({ url: server.url, role: 'commands', service: 'test', logger });
    try {
      await waitFor(async () => redis.status === 'ready', { what: 'a connection' });
      for (let i = 0; i < 500; i++)
        noteError(redis, { source: 'request', code: 'internal_error', message: `${i}`, request_id: `r${i}` });
      const stormy = await readRecentErrors(redis, 1_000);
      assert.ok(stormy.length >= 10 && stormy.length <= 20, `${stormy.length} kept`);
      await waitFor(
        async () => {
          noteError(redis, { source: 'chat', code: 'model_timeout', message: 'late', job_id: 'chat_1' });
          return (await readRecentErrors(redis, 1))[0]?.message === 'late';
        },
        { what: 'the next second' },
      );
      const noted = await readRecentErrors(redis, 1_000);
      const omitted = noted.reduce((sum, one) => sum + (one.omitted ?? 0), 0);
      const storm = noted.filter(({ code }) => code === 'internal_error');
      assert.ok(storm.length + omitted >= 500, `${storm.length} kept and ${omitted} omitted`);
      assert.equal(storm.at(-1)?.request_id, 'r0', 'newest first');
      assert.ok(Math.abs(Date.parse(noted[0]?.at ?? '') - Date.now()) < 5_000);

      await redis.xadd(recentErrorsKey, '*', 'error', '{"source":"else"}');
      assert.equal((await readRecentErrors(redis, 1_000)).length, noted.length, 'unknown ones are left out');
    } finally {
      await closeRedis(redis);
    }
  });
});
