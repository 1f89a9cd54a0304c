import { Cluster, Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import { UnavailableError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { connectCluster } from './cluster.ts';
import { parseRedisUrl } from './url.ts';
import type { RedisTarget } from './url.ts';

/** A connection to Redis: to one server (found through sentinels, it may be), or to a Redis Cluster. */
export type RedisClient = Redis | Cluster;

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

/** Milliseconds for a connection or a question to a sentinel, beyond which the next is tried. */
const CONNECT_TIMEOUT_MS = 2_000;

/**
 * A host that vanishes (power, network) closes no connection. An idle one is probed after this time; one that owes an
 * answer is given up after ANSWER_TIMEOUT_MS, which is above the 10 s that BullMQ lets a command block.
 */
const KEEP_ALIVE_MS = 5_000;
const ANSWER_TIMEOUT_MS = 15_000;
const COMMAND_TIMEOUT_MS = 900;
/** A host that hangs does not answer a goodbye; what was under way with it is sent elsewhere after this time. */
const DISCONNECT_TIMEOUT_MS = 250;

/** A master that sentinels have made a replica refuses writes; asked again, they name the new one. */
const isDemoted = (error: Error) => error.message.includes('READONLY');

const ROLE_OPTIONS: Record<ConnectionRole, RedisOptions> = {
  commands: {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_TIMEOUT_MS,
    socketTimeout: 2 * COMMAND_TIMEOUT_MS,
    reconnectOnError: isDemoted,
  },
  worker: {
    maxRetriesPerRequest: null,
    socketTimeout: ANSWER_TIMEOUT_MS,
    reconnectOnError: (error) => isDemoted(error) && 2,
  },
  subscriber: {
    maxRetriesPerRequest: null,
    enableReadyCheck: false,
    autoResubscribe: false,
    // See `event-log/bell-line.ts`, which renews all subscriptions by itself.
    autoResendUnfulfilledCommands: false,
    socketTimeout: ANSWER_TIMEOUT_MS,
  },
  appender: {
    maxRetriesPerRequest: null,
    socketTimeout: ANSWER_TIMEOUT_MS,
    reconnectOnError: (error) => isDemoted(error) && 2,
  },
};

/**
 * Opens a connection that reconnects for ever (50 ms to 1 s between tries) and logs when it is lost and restored.
 *
 * @param options.url as `parseRedisUrl` takes it
 * @throws {RedisUrlError}
 */
export function connectRedis(options: {
  url: string;
  role: ConnectionRole;
  service: string;
  logger: Logger;
}): RedisClient {
  const { role, logger } = options;
  const target = parseRedisUrl(options.url);
  const nodeOptions: RedisOptions = {
    connectionName: `sluice-${options.service}-${role}`,
    connectTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    keepAlive: KEEP_ALIVE_MS,
    ...ROLE_OPTIONS[role],
  };
  if (target.kind === 'cluster')
    return connectCluster(target, { nodeOptions, waits: role !== 'commands', retryStrategy, role, logger });

  const options_ = { ...nodeOptions, retryStrategy };
  const redis =
    target.kind === 'sentinel'
      ? new Redis({ ...options_, ...sentinelOptions(target) })
      : new Redis(target.url, options_);
  logLosses(redis, role, logger);
  return redis;
}

function retryStrategy(tries: number): number {
  return Math.min(RECONNECT_MIN_MS * 2 ** Math.min(tries - 1, 10), RECONNECT_MAX_MS);
}

function sentinelOptions(target: Extract<RedisTarget, { kind: 'sentinel' }>): RedisOptions {
  const { username, password } = target.sentinelLogin;
  return {
    ...target.login,
    sentinels: target.sentinels,
    name: target.masterName,
    role: 'master',
    db: target.db,
    sentinelRetryStrategy: retryStrategy,
    sentinelCommandTimeout: CONNECT_TIMEOUT_MS,
    // A master that hangs keeps its connections, subscribers too: the sentinels say when another has taken its place.
    failoverDetector: true,
    ...(username !== undefined && { sentinelUsername: username }),
    ...(password !== undefined && { sentinelPassword: password }),
    ...(target.tls && { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true }),
  };
}

function logLosses(redis: Redis, role: ConnectionRole, logger: Logger): void {
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
}

/** Closes a connection: politely when it is up, at once otherwise. */
export async function closeRedis(redis: RedisClient): Promise<void> {
  if (redis.status === 'ready') await redis.quit().catch(() => redis.disconnect());
  else redis.disconnect();
}

/** Whether a connection is to a Redis Cluster. */
export function isCluster(redis: RedisClient): redis is Cluster {
  return redis instanceof Cluster;
}

// Messages of ioredis 5.11 for a command that could not be sent or was not answered, and of Redis itself. A transaction is
// discarded (EXECABORT) only because one of its commands was refused for one of the other reasons.
const AWAY = new RegExp(
  [
    "Stream isn't writeable|Connection is closed|Command timed out|Command aborted|max retries per request|Socket timeout",
    "Cluster isn't ready|Cluster is ended|None of startup nodes|Too many Cluster redirections|refresh slots cache",
    'ECONN|ETIMEDOUT|EPIPE',
    'LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|UNBLOCKED|EXECABORT|OOM command not allowed|MISCONF',
  ].join('|'),
);

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
