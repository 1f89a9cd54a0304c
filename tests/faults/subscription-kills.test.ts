import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { Doorbell } from '@sluice/shared/event-log/doorbell';
import { createLogger } from '@sluice/shared/logger';
import { closeRedis, connectRedis } from '@sluice/shared/redis/connection';
import type { ConnectionRole } from '@sluice/shared/redis/connection';
import { waitFor } from '../helpers/poll.ts';
import { startRedis } from '../helpers/redis.ts';
import { Random } from './harness/random.ts';

const KILLS = 150;
const CONNECTIONS = 8;
const LISTENERS_EACH = 25;
const GIVE_UP_MS = 10_000;

it('every subscription is acknowledged, however often the connection is killed meanwhile', async () => {
  const random = new Random(1);
  const logger = createLogger({ service: 'test', level: 'silent' });
  await using server = await startRedis();
  const connect = (role: ConnectionRole) =>
    connectRedis({ url: server.url, role, service: 'test', logger }) as Redis;
  const control = connect('worker');
  const subscribers = Array.from({ length: CONNECTIONS }, () => connect('subscriber'));
  let isOver = false;
  let acknowledged = 0;
  const silent = { ring: () => {}, missed: () => {} };

  const comeAndGo = async (doorbell: Doorbell, name: string) => {
    for (let n = 0; !isOver; n += 1) {
      const stop = await Promise.race([doorbell.listen(`${name}-${n}`, silent), delay(GIVE_UP_MS)]);
      assert.ok(stop, `${name}-${n} was never acknowledged, after ${acknowledged} that were`);
      acknowledged += 1;
      await delay(random.int(0, 400));
      stop();
    }
  };

  try {
    const doorbells = subscribers.map((subscriber) => new Doorbell(subscriber, logger));
    const listening = Promise.all(
      doorbells.flatMap((doorbell, i) =>
        Array.from({ length: LISTENERS_EACH }, (_, n) => comeAndGo(doorbell, `bell-${i}-${n}`)),
      ),
    );
    const killing = (async () => {
      for (let kill = 0; kill < KILLS; kill += 1) {
        await delay(random.int(55, 155));
        await control.client('KILL', 'TYPE', 'pubsub');
      }
      isOver = true;
    })();
    await Promise.all([listening, killing]);

    const heard = new Set<Doorbell>();
    for (const doorbell of doorbells)
      await doorbell.listen('bell', { ring: () => heard.add(doorbell), missed: () => {} });
    assert.equal(await control.publish('bell', 'x'), CONNECTIONS);
    await waitFor(() => heard.size === CONNECTIONS, { what: 'every doorbell to ring' });
  } finally {
    isOver = true;
    await Promise.all([...subscribers, control].map(closeRedis));
  }
});
