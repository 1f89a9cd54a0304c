import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Redis } from 'ioredis';
import { Doorbell } from '@sluice/shared/event-log/doorbell';
import { createLogger } from '@sluice/shared/logger';
import { closeRedis, connectRedis } from '@sluice/shared/redis/connection';
import { startRedis } from '../helpers/redis.ts';

const logger = createLogger({ service: 'test', level: 'silent' });

describe('a doorbell', () => {
  it('says that it may not listen, instead of never being heard', async () => {
    await using server = await startRedis();
    const admin = connectRedis({ url: server.url, role: 'worker', service: 'test', logger }) as Redis;
    await admin.acl('SETUSER', 'deaf', 'on', '>secret12', '~*', '+@all', 'resetchannels');
    const url = server.url.replace('redis://', 'redis://deaf:secret12@');
    const deaf = connectRedis({ url, role: 'subscriber', service: 'test', logger }) as Redis;
    try {
      const listening = new Doorbell(deaf, logger).listen('bell', { ring: () => {}, missed: () => {} });
      await assert.rejects(listening, /NOPERM/);
    } finally {
      await Promise.all([admin, deaf].map(closeRedis));
    }
  });
});
