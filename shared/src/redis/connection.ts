import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import { UnavailableError } from '../errors.ts';
import type { Logger } from '../logger.ts';

/**
 * What a connection is for; one per role and process.
 * - `commands`: request handlers and producers. Fails at once while Redis is away, so that a client gets its 503.
 * - `worker`: BullMQ workers and what runs within jobs. Waits for Redis as long as it takes.
 * - `subscriber`: pub/sub. No ready check: it would send INFO on a connection that may only subscribe.
 * - `appender`: writes of event logs, corked (see `event-log/append.ts`); waits, and resends what was not acknowledged.
 */
export type ConnectionRole = 'commands' | 'worker' | 'subscriber' | 'appender';

const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 1_000;

const ROLE_OPTIONS: Record<ConnectionRole, RedisOptions> = {
  commands: { enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: 900 },
  worker: { maxRetriesPerRequest: null },
  subscriber: { maxRetriesPerRequest: null, enableReadyCheck: false, autoResubscribe: false },
  appender: { maxRetriesPerRequest: null },
};

/**
 * Opens a connection that reconnects for ever (50 ms to 1 s between tries) and logs when it is lost and restored.
 */
export function connectRedis(options: {
  url: string;
  role: ConnectionRole;
  service: string;
  logger: Logger;
}): Redis {
  const { role, logger } = options;
  const redis = new Redis(options.url, {
    connectionName: `sluice-${options.service}-${role}`,
    retryStrategy: (tries) => Math.min(RECONNECT_MIN_MS * 2 ** Math.min(tries - 1, 10), RECONNECT_MAX_MS),
    ...ROLE_OPTIONS[role],
  });
  let lost = false;
  redis.on('error', (error: Error) => {
    if (lost) return;
    lost = true;
    logger.warn({ role, reason: error.message }, 'Redis connection lost: reconnecting');
  });
  redis.on('ready', () => {
    if (lost) logger.info({ role }, 'Redis connection restored');
    lost = false;
  });
  return redis;
}

/** Closes a connection: politely when it is up, at once otherwise. */
export async function closeRedis(redis: Redis): Promise<void> {
  if (redis.status === 'ready') await redis.quit().catch(() => redis.disconnect());
  else redis.disconnect();
}

// Messages of ioredis 5.11 for a command that could not be sent or was not answered, and of Redis itself.
const AWAY =
  /Stream isn't writeable|Connection is closed|Command timed out|max retries per request|ECONN|ETIMEDOUT|EPIPE|LOADING|READONLY|MASTERDOWN/;

/** Whether an error says that Redis cannot be reached or cannot take the command now. */
export function isRedisAway(error: unknown): boolean {
  return error instanceof Error && AWAY.test(`${error.name} ${error.message}`);
}

/** The error a client sees when Redis is away. */
export function redisUnavailable(cause: unknown): UnavailableError {
  return new UnavailableError(
    503,
    'redis_unavailable',
    'The service cannot reach its queue right now. Try again in a few seconds.',
    {
      retryAfter: 2,
      cause,
    },
  );
}
