import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { LogRecord } from '@sluice/shared/contracts/events';
import { appendRecords, LogRefusedError } from '@sluice/shared/event-log/append';
import type { Refusal } from '@sluice/shared/event-log/append';
import { Doorbell } from '@sluice/shared/event-log/doorbell';
import type { LogEntry } from '@sluice/shared/event-log/entry';
import { closeLog, createLog, readWholeLog } from '@sluice/shared/event-log/log';
import { followLog } from '@sluice/shared/event-log/reader';
import { LogWriter } from '@sluice/shared/event-log/writer';
import { createLogger } from '@sluice/shared/logger';
import { closeRedis, connectRedis, isRedisAway } from '@sluice/shared/redis/connection';
import type { ConnectionRole, RedisClient } from '@sluice/shared/redis/connection';
import { logKey } from '@sluice/shared/redis/keys';
import { collectEvents, contentOf, dataOf, postJson, uploadAndWait } from '../helpers/api.ts';
import { batchesAt, formOf } from '../helpers/batches.ts';
import { waitFor } from '../helpers/poll.ts';
import { startRedisCluster, startRedisSentinel } from '../helpers/redis-cluster.ts';
import type { RedisNode, TestCluster, TestTopology } from '../helpers/redis-cluster.ts';
import { startStack } from '../helpers/stack.ts';

const logger = createLogger({ service: 'test', level: 'silent' });
const delta = (content: string): LogRecord => ({ type: 'delta', content });
const done = { type: 'done', finish_reason: 'stop' } as const;
const refusal = (code: Refusal) => (error: unknown) =>
  error instanceof LogRefusedError && error.refusal === code;

/** Below the 15 s after which a reader that hears nothing looks by itself. */
const HEARD_WITHIN_MS = 5_000;
let nextLog = 0;

async function killEveryoneElse({ redis }: RedisNode): Promise<void> {
  await redis.client('KILL', 'TYPE', 'NORMAL', 'SKIPME', 'YES');
  await redis.client('KILL', 'TYPE', 'PUBSUB');
}

const TOPOLOGIES: [name: string, start: () => Promise<TestTopology>][] = [
  ['a Redis Cluster', startRedisCluster],
  ['Sentinel', startRedisSentinel],
];

for (const [name, start] of TOPOLOGIES) {
  describe(`event log on ${name}`, () => {
    let topology: TestTopology;
    let redis: RedisClient;
    let appender: RedisClient;
    let doorbell: Doorbell;
    const connections: RedisClient[] = [];

    before(async () => {
      topology = await start();
      const connect = (role: ConnectionRole) => {
        const connection = connectRedis({ url: topology.url, role, service: 'test', logger });
        connections.push(connection);
        return connection;
      };
      redis = connect('worker');
      appender = connect('appender');
      doorbell = new Doorbell(connect('subscriber'), logger);
    });
    after(async () => {
      await Promise.all(connections.map(closeRedis));
      await topology[Symbol.asyncDispose]();
    });

    const newLog = async () => {
      const log = { tenant: 'default', jobId: `job-${nextLog++}`, retentionMs: 60_000 };
      await createLog(redis, log, { type: 'queued', position: 0 });
      return log;
    };
    /** Collects what a reader delivers, as it comes. */
    const follow = (log: { tenant: string; jobId: string }) => {
      const delivered: LogEntry[] = [];
      const ended = (async () => {
        for await (const batch of followLog({ redis, doorbell }, log)) delivered.push(...batch);
      })();
      const until = (count: number) =>
        waitFor(() => delivered.length >= count, { what: `${count} entries`, timeoutMs: HEARD_WITHIN_MS });
      return { delivered, ended, until };
    };
    const killSubscribers = () =>
      Promise.all(topology.nodes.map((node) => node.redis.client('KILL', 'TYPE', 'PUBSUB')));

    it('takes each record once and refuses a stale attempt, a gap, an unknown log, and what comes after the end', async () => {
      const log = await newLog();
      await appendRecords(appender, log, 1, 1, [delta('a'), delta('b')]);
      await appendRecords(appender, log, 1, 2, [delta('b'), delta('c')]);
      await assert.rejects(appendRecords(appender, log, 1, 9, [delta('x')]), refusal('GAP'));
      await appendRecords(appender, log, 2, 1, [delta('d')]);
      await assert.rejects(appendRecords(appender, log, 1, 4, [delta('x')]), refusal('FENCED'));
      assert.equal(await closeLog(redis, log, { type: 'cancelled' }), true);
      await assert.rejects(appendRecords(appender, log, 4, 1, [delta('x')]), refusal('CLOSED'));
      const unknown = { ...log, jobId: 'never-created' };
      await assert.rejects(appendRecords(appender, unknown, 1, 1, [delta('x')]), refusal('MISSING'));
      const ids = (await readWholeLog(redis, log)).map(({ id }) => id);
      assert.deepEqual(ids, ['0-1', '1-1', '1-2', '1-3', '2-1', '3-1']);
    });

    it('loses nothing of 200 logs written at once, corked, and read by two readers each', async () => {
      const logs = await Promise.all(Array.from({ length: 200 }, newLog));
      const readers = logs.flatMap((log) => [follow(log), follow(log)]);
      await Promise.all(
        logs.map(async (log) => {
          const writer = new LogWriter({ redis: appender, log, attempt: 1 });
          for (let i = 0; i < 20; i += 1) {
            writer.append(delta(`${i} `));
            await writer.flushed();
          }
          await writer.close(done);
        }),
      );
      await Promise.all(readers.map(({ ended }) => ended));
      for (const [index, log] of logs.entries()) {
        const whole = await readWholeLog(redis, log);
        assert.equal(whole.length, 22);
        assert.deepEqual(readers[2 * index]?.delivered, whole);
        assert.deepEqual(readers[2 * index + 1]?.delivered, whole);
      }
    });

    it('fills the gaps when subscriber connections are killed', async () => {
      const logs = await Promise.all(Array.from({ length: 6 }, newLog));
      const readers = logs.map(follow);
      const writers = logs.map((log) => new LogWriter({ redis: appender, log, attempt: 1 }));
      const writeAll = async (text: string) => {
        for (const writer of writers) writer.append(delta(text));
        await Promise.all(writers.map((writer) => writer.flushed()));
      };
      for (let round = 1; round <= 5; round += 1) {
        await writeAll(`${round} heard, `);
        await killSubscribers();
        await writeAll(`${round} unheard, `);
        await Promise.all(readers.map((reader) => reader.until(1 + 2 * round)));
      }
      await Promise.all(writers.map((writer) => writer.close(done)));
      await Promise.all(readers.map(({ ended }) => ended));
      for (const [index, log] of logs.entries())
        assert.deepEqual(readers[index]?.delivered, await readWholeLog(redis, log));
    });

    it('waits out the loss of every connection at once', async () => {
      const logs = await Promise.all(Array.from({ length: 6 }, newLog));
      const readers = logs.map(follow);
      const writers = logs.map((log) => new LogWriter({ redis: appender, log, attempt: 1 }));
      for (let round = 0; round < 10; round += 1) {
        for (const writer of writers) writer.append(delta(`${round} `));
        const flushed = writers.map((writer) => writer.flushed());
        await Promise.all(topology.nodes.map((node) => killEveryoneElse(node)));
        await Promise.all(logs.map((log) => readWholeLog(redis, log)));
        await Promise.all(flushed);
      }
      await Promise.all(writers.map((writer) => writer.close(done)));
      await Promise.all(readers.map(({ ended }) => ended));
      for (const [index, log] of logs.entries())
        assert.deepEqual(readers[index]?.delivered, await readWholeLog(redis, log));
    });

    it('waits while a master has too few replicas to take a write; what may not wait is told so', async () => {
      const log = await newLog();
      const demand = (replicas: number) =>
        Promise.all(
          topology.nodes.map((node) => node.redis.config('SET', 'min-replicas-to-write', replicas)),
        );
      await demand(2);
      let isWritten = false;
      const written = appendRecords(appender, log, 1, 1, [delta('late')]).then(() => (isWritten = true));
      await assert.rejects(createLog(redis, { ...log, jobId: 'refused' }, delta('x')), isRedisAway);
      assert.equal(isWritten, false);
      await demand(0);
      await written;
      assert.equal((await readWholeLog(redis, log)).length, 2);
    });

    it('ends its subscriptions with its readers', async () => {
      const log = await newLog();
      const subscriptions = async () => {
        const counts = topology.nodes.map(async (node) => {
          const list = String(await node.redis.client('LIST', 'TYPE', 'PUBSUB'));
          return [...list.matchAll(/ s?sub=(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
        });
        return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
      };
      const stop = new AbortController();
      const reader = followLog({ redis, doorbell }, log, { signal: stop.signal });
      await reader.next();
      const open = await subscriptions();
      assert.ok(open > 0);
      const next = reader.next();
      stop.abort();
      assert.deepEqual(await next, { done: true, value: undefined });
      await waitFor(async () => (await subscriptions()) === open - 1, { what: 'the subscription to end' });
    });
  });
}

/** What docs/operations/redis.md allows the services' user. */
const RIGHTS = readFileSync(new URL('../../docs/operations/redis.md', import.meta.url), 'utf8')
  .match(/a user of its own: `([^`]+)`/)?.[1]
  ?.replaceAll(String.raw`\|`, '|')
  .split(' ');

for (const [name, start] of TOPOLOGIES) {
  describe(`the services on ${name}`, () => {
    it('index a document, answer from it, resume, repeat and cancel, as a user of few rights', async () => {
      await using topology = await start();
      for (const { redis } of topology.nodes)
        await redis.call('ACL', 'SETUSER', 'app', 'on', '>secret', ...(RIGHTS ?? []));
      const env = { REDIS_URL: topology.url.replace('://', '://app:secret@'), QUEUE_SHARDS: '3' };
      await using stack = await startStack({ env });
      const text = 'The harbour has three cranes. The oldest crane was built in 1903.';
      const first = await dataOf<{ id: string }>(await uploadAndWait(stack.url, 'a.txt', text));
      const second = await dataOf<{ id: string }>(await uploadAndWait(stack.url, 'b.txt', `${text} Really.`));
      const { documents } = await dataOf<{ documents: { id: string }[] }>(
        await fetch(`${stack.url}/api/knowledge/documents`),
      );
      assert.deepEqual(documents.map(({ id }) => id).toSorted(), [first.id, second.id].toSorted());

      const question = 'When was the oldest crane built?';
      const messages = [{ role: 'user', content: question }];
      const response = await postJson(`${stack.url}/api/chat`, { stream: true, knowledge: true, messages });
      const events = await collectEvents(response);
      assert.match(contentOf(events), /1903/);
      assert.equal(events.at(-1)?.data, '[DONE]');
      const other = await stack.start('gateway');
      const id = response.headers.get('x-chat-id');
      const replay = await collectEvents(await fetch(`${other.url}/api/chat/${id}/events`));
      assert.deepEqual(
        replay,
        events.filter((event) => event.id !== undefined),
      );
      const keyed = Array.from({ length: 6 }, (_, i) =>
        postJson(
          `${i % 2 === 0 ? stack.url : other.url}/api/chat`,
          { messages, priority: 'background' },
          { 'idempotency-key': 'k' },
        ),
      );
      const ids = (await Promise.all(keyed)).map(async (answer) => (await dataOf<{ id: string }>(answer)).id);
      assert.equal(new Set(await Promise.all(ids)).size, 1);
      await stack.services.find((service) => service.logs().includes('chat-worker ready'))?.stop();
      const waiting = await postJson(`${stack.url}/api/chat`, { messages, stream: true });
      await dataOf(
        await fetch(`${other.url}/api/chat/${waiting.headers.get('x-chat-id')}/cancel`, { method: 'POST' }),
      );
      assert.equal((await collectEvents(waiting)).at(-2)?.event, 'cancelled');

      const deleted = await fetch(`${stack.url}/api/knowledge/documents/${first.id}`, { method: 'DELETE' });
      assert.ok(deleted.ok);

      const batches = batchesAt(stack.url);
      const { batch } = await batches.send(formOf({ 'c.md': 'The c of the batch.', 'd.md': 'And its d.' }));
      assert.equal((await batches.ended(batch.id)).counts.ready, 2);
      const paused = await batches.create({});
      await batches.act(paused.id, 'pause');
      await batches.send(formOf({ 'e.md': 'The one that is not indexed.' }), paused.id);
      await batches.act(paused.id, 'cancel');
      assert.equal((await batches.ended(paused.id)).counts.cancelled, 1);
      for (const service of stack.services) assert.doesNotMatch(service.logs(), /NOPERM|CROSSSLOT/);
    });
  });
}

describe('a slot that moves', () => {
  let cluster: TestCluster;
  before(async () => {
    cluster = await startRedisCluster();
  });
  after(() => cluster[Symbol.asyncDispose]());

  it('takes its streams along: appended, heard, nothing lost', async () => {
    const connect = (role: ConnectionRole) =>
      connectRedis({ url: cluster.url, role, service: 'test', logger });
    const [redis, appender, subscriber] = (['worker', 'appender', 'subscriber'] as const).map(connect);
    assert.ok(redis && appender && subscriber);
    const doorbell = new Doorbell(subscriber, logger);
    try {
      const log = { tenant: 'default', jobId: 'moving', retentionMs: 60_000 };
      await createLog(redis, log, { type: 'queued', position: 0 });
      const delivered: LogEntry[] = [];
      const reader = (async () => {
        for await (const batch of followLog({ redis, doorbell }, log)) delivered.push(...batch);
      })();
      const writer = new LogWriter({ redis: appender, log, attempt: 1 });
      const key = logKey('default', log.jobId);
      let written = 0;
      for (let round = 0; round < 3; round += 1) {
        let isMoved = false;
        const moved = cluster.moveSlotOf(key).finally(() => (isMoved = true));
        while (!isMoved) {
          writer.append(delta(`${(written += 1)} `));
          await writer.flushed();
        }
        await moved;
        writer.append(delta(`${(written += 1)} `));
        await writer.flushed();
        await waitFor(() => delivered.length === 1 + written, {
          what: 'all to be heard',
          timeoutMs: HEARD_WITHIN_MS,
        });
      }
      await writer.close(done);
      await reader;
      assert.deepEqual(delivered, await readWholeLog(redis, log));
    } finally {
      await Promise.all([redis, appender, subscriber].map(closeRedis));
    }
  });
});
