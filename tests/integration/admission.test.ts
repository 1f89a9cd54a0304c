import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Redis } from 'ioredis';
import { computeRetryAfter, openAdmission } from '@sluice/shared/admission/admission';
import type { Admission } from '@sluice/shared/admission/admission';
import { createLogger } from '@sluice/shared/logger';
import { closeRedis, connectRedis } from '@sluice/shared/redis/connection';
import { admissionKeys } from '@sluice/shared/redis/keys';
import { startRedis } from '../helpers/redis.ts';
import type { TestRedis } from '../helpers/redis.ts';

const PLENTY = { queue: 100_000, tenant: 100_000 };

describe('admission', () => {
  let server: TestRedis;
  let redis: Redis;
  let admission: Admission;
  before(async () => {
    server = await startRedis();
    redis = connectRedis({
      url: server.url,
      role: 'worker',
      service: 'test',
      logger: createLogger({ service: 'test', level: 'silent' }),
    }) as Redis;
    admission = openAdmission('chat', redis, 1);
  });
  beforeEach(() => redis.flushall());
  after(async () => {
    await closeRedis(redis);
    await server.stop();
  });

  const apply = (caller: string, id: string, limits = PLENTY, tenant = 'default') =>
    admission.admit({ tenant, caller, id }, limits);
  const inOrder = async () => (await admission.waiting(10_000)).map(({ id }) => id);

  it('lets callers take turns: a thousand jobs of one do not delay the first of another', async () => {
    for (let i = 0; i < 1_000; i += 1) await apply('greedy', `g${i}`);
    const place = await apply('modest', 'm0');
    assert.equal(place.turn, 1);
    assert.equal(place.position, 1, 'behind the first of the other alone');
    assert.deepEqual((await inOrder()).slice(0, 3).toSorted(), ['g0', 'g1', 'm0']);
  });

  it('keeps turns when many have been served: who comes late does not overtake who waited, nor wait for all of them', async () => {
    for (let i = 0; i < 20; i += 1) await apply('greedy', `g${i}`);
    for (let i = 0; i < 10; i += 1)
      await admission.leave({ tenant: 'default', caller: 'greedy', id: `g${i}` }, 'taken');
    assert.equal((await apply('late', 'l0')).turn, 11, 'one after the turn that is served');
    assert.equal((await apply('greedy', 'g20')).turn, 21, 'a caller is never served out of its own order');
  });

  it('begins at the first turn again when nothing waits', async () => {
    for (const id of ['a', 'b', 'c']) await apply('x', id);
    for (const id of ['a', 'b', 'c']) await admission.leave({ tenant: 'default', caller: 'x', id }, 'taken');
    assert.equal((await apply('x', 'd')).turn, 1);
  });

  it('gives the same job the same place, and forgets it once', async () => {
    const first = await apply('x', 'a');
    assert.deepEqual((await apply('x', 'a')).turn, first.turn);
    assert.deepEqual(await inOrder(), ['a']);
    for (let i = 0; i < 3; i += 1)
      await admission.leave({ tenant: 'default', caller: 'x', id: 'a' }, 'dropped');
    assert.deepEqual(await inOrder(), []);
    const left = await redis.hkeys(admissionKeys('chat').counts);
    assert.deepEqual(left.toSorted(), ['b', 'v'], 'no counter is left behind');
  });

  it('refuses beyond the limits of queue and tenant, each with its own error and a time to come back', async () => {
    for (let i = 0; i < 3; i += 1) await apply('x', `a${i}`, { queue: 5, tenant: 3 });
    await assert.rejects(apply('y', 'b', { queue: 5, tenant: 3 }), {
      status: 429,
      code: 'too_many_waiting',
      retryAfter: 15,
    });
    for (let i = 0; i < 2; i += 1) await apply('x', `o${i}`, { queue: 5, tenant: 3 }, 'other');
    await assert.rejects(apply('x', 'c', { queue: 5, tenant: 3 }, 'third'), {
      status: 503,
      code: 'overloaded',
    });
    await admission.leave({ tenant: 'default', caller: 'x', id: 'a0' }, 'taken');
    await apply('x', 'a3', { queue: 5, tenant: 3 });
  });

  it('knows who has waited the longest, behind those that are worked on and out of turn', async () => {
    assert.equal(await admission.oldest(), undefined);
    const { open } = admissionKeys('chat');
    for (let i = 0; i < 700; i += 1) {
      await apply('greedy', `g${i}`);
      if (i < 600) await admission.leave({ tenant: 'default', caller: 'greedy', id: `g${i}` }, 'taken');
    }
    await apply('modest', 'm0');
    const longAgo = Math.floor(Date.now() / 1_000) - 100;
    for (let i = 0; i < 699; i += 1) await redis.zadd(open, longAgo - 1, `default g${i} greedy`);
    for (let i = 600; i < 699; i += 1)
      await admission.leave({ tenant: 'default', caller: 'greedy', id: `g${i}` }, 'taken');
    await redis.zadd(open, longAgo, 'default g699 greedy');
    assert.equal((await admission.oldest())?.getTime(), longAgo * 1_000);
  });

  it('estimates the wait from the jobs taken since somebody has waited', async () => {
    const { counts } = admissionKeys('chat');
    for (let i = 0; i < 30; i += 1) await apply('x', `a${i}`);
    for (let i = 0; i < 20; i += 1)
      await admission.leave({ tenant: 'default', caller: 'x', id: `a${i}` }, 'taken');
    await redis.hincrby(counts, 'b', -9);
    const { position, estimatedWaitMs = 0 } = await apply('x', 'last');
    assert.equal(position, 10);
    assert.ok(estimatedWaitMs > 4_000 && estimatedWaitMs <= 6_000, `${estimatedWaitMs} ms: 20 in about 10 s`);
    assert.equal((await admission.waiting(20)).at(-1)?.position, 10);
    const inList = (await admission.waiting(20)).at(-1)?.estimatedWaitMs ?? 0;
    assert.ok(inList > 4_000 && inList <= 6_000, `${inList} ms`);

    await redis.hincrby(counts, 'b', -3_600);
    assert.equal((await apply('x', 'later')).estimatedWaitMs, 33_000, '20 in the last minute: 11 ahead');
  });

  it('takes no lull for a slow drain: with few jobs it is they that come slowly', async () => {
    for (let i = 0; i < 3; i += 1) {
      await apply('x', `rare${i}`);
      await admission.leave({ tenant: 'default', caller: 'x', id: `rare${i}` }, 'taken');
    }
    for (let i = 0; i < 10; i += 1) await apply('x', `a${i}`);
    assert.equal((await apply('x', 'b')).estimatedWaitMs, undefined, 'nothing of this backlog was taken yet');
    for (let i = 0; i < 5; i += 1)
      await admission.leave({ tenant: 'default', caller: 'x', id: `a${i}` }, 'taken');
    const { estimatedWaitMs = Infinity } = await apply('x', 'c');
    assert.ok(estimatedWaitMs <= 3_000, `${estimatedWaitMs} ms`);
  });

  it('asks to come back when a tenth of the backlog has drained', () => {
    assert.equal(computeRetryAfter(1_000, 10), 10);
    assert.equal(computeRetryAfter(1, 10), 1);
    assert.equal(computeRetryAfter(1_000_000, 0.02), 120);
    assert.equal(computeRetryAfter(1_000, 0), 15);
  });

  it('keeps callers apart whatever they are called', async () => {
    for (const caller of ['a b', 'a', '用户 一', '{x}:y', '']) await apply(caller, `id-${caller.length}`);
    const callers = (await admission.waiting(10)).map(({ caller }) => caller);
    assert.deepEqual(callers.toSorted(), ['a b', 'a', '用户 一', '{x}:y', ''].toSorted());
  });
});
