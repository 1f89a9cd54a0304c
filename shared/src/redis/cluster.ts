import { Cluster } from 'ioredis';
import type { ClusterOptions, Redis, RedisOptions } from 'ioredis';
import type { Logger } from '../logger.ts';
import type { RedisTarget } from './url.ts';

/** How often the map of slots is read again when nothing else led to it. */
const MAP_REFRESH_MS = 2_000;

/**
 * A command whose node is lost is sent again after this time, to whichever node has the slot by then. One that may not
 * wait is sent four times, which rides out a connection that was only cut.
 */
const RESEND_MS = 100;
const RESENDS_IN_A_HURRY = 4;

/** How to connect to a cluster. */
export interface ClusterConnection {
  /** Of each node's connection. */
  nodeOptions: RedisOptions;
  /** Whether commands wait for the cluster as long as it takes; they fail within a second otherwise. */
  waits: boolean;
  retryStrategy: (tries: number) => number;
  role: string;
  logger: Logger;
}

/** Connects to a Redis Cluster, for ever. */
export function connectCluster(
  target: Extract<RedisTarget, { kind: 'cluster' }>,
  { nodeOptions, waits, retryStrategy, role, logger }: ClusterConnection,
): Cluster {
  const options: ClusterOptions = {
    redisOptions: { ...nodeOptions, ...target.login, ...(target.tls && { tls: {} }) },
    enableOfflineQueue: waits,
    clusterRetryStrategy: retryStrategy,
    maxRedirections: waits ? Number.POSITIVE_INFINITY : RESENDS_IN_A_HURRY,
    retryDelayOnFailover: RESEND_MS,
    retryDelayOnClusterDown: RESEND_MS,
    retryDelayOnTryAgain: RESEND_MS,
    slotsRefreshInterval: MAP_REFRESH_MS,
    // The name, not what it resolves to: a certificate is checked against it.
    dnsLookup: (host, callback) => callback(null, host),
  };
  const cluster = waits ? new PatientCluster(target.nodes, options) : new Cluster(target.nodes, options);
  logLosses(cluster, role, logger);
  return cluster;
}

/**
 * ioredis rejects what is under way when it has lost every node at once, which is what a restart of the network looks
 * like; a connection that waits sends it again.
 */
class PatientCluster extends Cluster {
  override handleError(
    error: Error,
    ttl: { value?: unknown },
    handlers: { connectionClosed: () => void },
  ): void {
    const lostAll = error.message === 'Connection is closed.' && this.status !== 'ready';
    if (lostAll) handlers.connectionClosed();
    else super.handleError(error, ttl, handlers);
  }
}

function logLosses(cluster: Cluster, role: string, logger: Logger): void {
  const lost = new Set<string>();
  const note = (node: string, error: Error) => {
    if (lost.has(node)) return;
    lost.add(node);
    logger.warn({ role, node, reason: error.message }, 'Redis node lost: reconnecting');
  };
  cluster.on('error', (error: Error) => note('all', error));
  cluster.on('node error', (error: Error, node: string) => note(node, error));
  const restored = (node: string) => {
    if (lost.delete(node)) logger.info({ role, node }, 'Redis node restored');
  };
  cluster.on('ready', () => restored('all'));
  cluster.on('+node', (node: Redis) => {
    node.on('ready', () => restored(`${node.options.host}:${node.options.port}`));
  });
}
