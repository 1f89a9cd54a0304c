import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Redis } from 'ioredis';
import type { LogRecord } from '@sluice/shared/contracts/events';
import { appendRecords, LogRefusedError } from '@sluice/shared/event-log/append';
import { Doorbell } from '@sluice/shared/event-log/doorbell';
import type { LogEntry } from '@sluice/shared/event-log/entry';
import { createLog, readWholeLog } from '@sluice/shared/event-log/log';
import { followLog } from '@sluice/shared/event-log/reader';
import { LogWriter } from '@sluice/shared/event-log/writer';
import { createLogger } from '@sluice/shared/logger';
import { closeRedis, connectRedis } from '@sluice/shared/redis/connection';
import { logKey } from '@sluice/shared/redis/keys';
import { waitFor } from '../helpers/poll.ts';
import { startRedis } from '../helpers/redis.ts';
import type { TestRedis } from '../helpers/redis.ts';

const logger = createLogger({ service: 'test', level: 'silent' });
const delta = (content: string): LogRecord => ({ type: 'delta', content });
let nextLog = 0;

/** What a replica lacks when it becomes master, without the chance of a real failover. */
describe('a log that has lost its tail', () => {
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
    const log = { tenant: 'default', jobId: `job-${nextLog++}`, retentionMs: 60_000 };
    await createLog(redis, log, { type: 'queued', position: 0 });
    return log;
  };
  const snapshot = async (log: { jobId: string }) => {
    const dump = await redis.dumpBuffer(logKey('default', log.jobId));
    return async () => {
      await redis.restore(logKey('default', log.jobId), 60_000, dump, 'REPLACE');
      await redis.client('KILL', 'TYPE', 'PUBSUB');
    };
  };
  /** Collects what a reader delivers, as it comes. */
  const follow = (log: { tenant: string; jobId: string }) => {
    const delivered: LogEntry[] = [];
    const ended = (async () => {
      for await (const batch of followLog({ redis, doorbell }, log)) delivered.push(...batch);
    })();
    const until = (count: number) =>
      waitFor(() => delivered.length >= count, { what: `${count} entries`, timeoutMs: 5_000 });
    return { delivered, ended, until };
  };
  const write = async (writer: LogWriter, ...texts: string[]) => {
    for (const text of texts) {
      writer.append(delta(text));
      await writer.flushed();
    }
  };

  it('is made whole by its writer, byte for byte, and its readers go on', async () => {
    const log = await newLog();
    const reader = follow(log);
    const writer = new LogWriter({ redis: appender, log, attempt: 1 });
    await write(writer, 'a');
    const goBack = await snapshot(log);
    await write(writer, 'b', 'c');
    await reader.until(4);
    await goBack();
    await write(writer, 'd');
    await writer.close({ type: 'done', finish_reason: 'stop' });
    await reader.ended;
    assert.deepEqual(reader.delivered, await readWholeLog(redis, log));
    assert.deepEqual(
      reader.delivered.map(({ id }) => id),
      ['0-1', '1-1', '1-2', '1-3', '1-4', '1-5'],
    );
  });

  it('is made whole also when all of an attempt is gone', async () => {
    const log = await newLog();
    const reader = follow(log);
    await appendRecords(appender, log, 1, 1, [delta('first')]);
    const goBack = await snapshot(log);
    const writer = new LogWriter({ redis: appender, log, attempt: 2 });
    await write(writer, 'a', 'b');
    await reader.until(4);
    await goBack();
    await write(writer, 'c');
    await writer.close({ type: 'done', finish_reason: 'stop' });
    await reader.ended;
    assert.deepEqual(reader.delivered, await readWholeLog(redis, log));
  });

  it('ends as failed when what its attempt goes on from is gone', async () => {
    const log = await newLog();
    const goBack = await snapshot(log);
    await appendRecords(appender, log, 1, 1, [delta('first')]);
    const writer = new LogWriter({ redis: appender, log, attempt: 2 });
    await write(writer, 'a');
    await goBack();
    writer.append(delta('b'));
    await assert.rejects(
      writer.flushed(),
      (error) => error instanceof LogRefusedError && error.refusal === 'GAP',
    );
    const end = (await readWholeLog(redis, log)).at(-1)?.record;
    assert.equal(end?.type === 'failed' && end.code, 'log_lost');
  });

  it('ends its readers clearly when another attempt has gone on without what they have', async () => {
    const log = await newLog();
    const reader = follow(log);
    const writer = new LogWriter({ redis: appender, log, attempt: 1 });
    await write(writer, 'a');
    const goBack = await snapshot(log);
    await write(writer, 'b', 'c');
    await reader.until(4);
    const ended = assert.rejects(reader.ended, { code: 'unknown_cursor', status: 410 });
    await goBack();
    await appendRecords(appender, log, 2, 1, [{ type: 'continued', attempt: 2 }, delta('x')]);
    await ended;
    const ids = reader.delivered.map(({ id }) => id);
    assert.deepEqual(ids, ['0-1', '1-1', '1-2', '1-3'], 'nothing of what does not continue it');
  });

  it('ends its readers clearly when it is gone altogether', async () => {
    const log = await newLog();
    const reader = follow(log);
    await reader.until(1);
    const ended = assert.rejects(reader.ended, { code: 'not_found', status: 404 });
    await redis.del(logKey('default', log.jobId));
    await redis.client('KILL', 'TYPE', 'PUBSUB');
    await ended;
  });

  it('tells two workers of the same attempt apart, which a queue that forgot a job makes', async () => {
    const log = await newLog();
    const first = new LogWriter({ redis: appender, log, attempt: 1 });
    await write(first, 'one ', 'and ');
    const second = new LogWriter({ redis: appender, log, attempt: 1 });
    second.append(delta('two'));
    await assert.rejects(
      second.flushed(),
      (error) => error instanceof LogRefusedError && error.refusal === 'FENCED',
    );
    await write(first, 'only');
    const text = (await readWholeLog(redis, log)).map(({ record }) =>
      record.type === 'delta' ? record.content : '',
    );
    assert.equal(text.join(''), 'one and only');
  });
});
