import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { buildRedisArgs } from '../../dev/local-redis.ts';
import { findFreePort } from '../../dev/ports.ts';
import { findRedisServer } from '../../dev/redis-binary.ts';
import { waitFor } from './poll.ts';
import { launchRedis } from './redis.ts';

/** One server of a topology. */
export interface RedisNode {
  readonly port: number;
  /** A connection of the test's own. */
  readonly redis: Redis;
  /** Sends a signal and resolves when the process is gone; SIGSTOP and SIGCONT at once. */
  signal(signal: NodeJS.Signals): Promise<void>;
}

/** Several Redis servers that are one for whoever connects to `url`. */
export interface TestTopology extends AsyncDisposable {
  readonly url: string;
  /** Every server of data that has been started, those that are gone too. */
  readonly nodes: RedisNode[];
  /** The master that has a key now. */
  masterOf(key: string): Promise<RedisNode>;
  /** Waits until a master has a replica that follows it. */
  replicaOf(master: RedisNode): Promise<RedisNode>;
  /** Has the replica of a key's master take its place, as for maintenance. */
  failOver(key: string): Promise<void>;
}

/** A Redis Cluster. */
export interface TestCluster extends TestTopology {
  /** Moves the slot of a key, with its keys, to a master that does not have it. */
  moveSlotOf(key: string): Promise<void>;
}

/** Milliseconds without an answer after which a master counts as gone. */
const NODE_TIMEOUT_MS = 1_000;
const FORM_TIMEOUT_MS = 30_000;
const SLOTS = 16_384;

/** Starts servers in folders of their own, and takes all of it away again. */
class Fleet implements AsyncDisposable {
  readonly nodes: RedisNode[] = [];
  readonly #cleanup = new AsyncDisposableStack();

  async start(settings: string[]): Promise<RedisNode> {
    const [port, dir] = [await findFreePort(), await this.#folder()];
    const args = buildRedisArgs({ port, dir, args: ['--repl-diskless-sync-delay', '0', ...settings] });
    const node = await this.#launch(args, port);
    this.nodes.push(node);
    return node;
  }

  async startSentinel(config: string): Promise<RedisNode> {
    const [port, dir] = [await findFreePort(), await this.#folder()];
    const file = join(dir, 'sentinel.conf');
    await writeFile(file, `port ${port}\nbind 127.0.0.1\ndir ${dir}\nloglevel warning\n${config}`);
    return this.#launch([file, '--sentinel'], port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup.disposeAsync();
  }

  async #folder(): Promise<string> {
    const dir = await mkdtemp(join(tmpdir(), 'sluice-redis-'));
    this.#cleanup.defer(() => rm(dir, { recursive: true, force: true }));
    return dir;
  }

  async #launch(args: string[], port: number): Promise<RedisNode> {
    const binary = findRedisServer();
    if (!binary) throw new Error('No redis-server on the PATH: `npm test` installs one.');
    const process = await launchRedis(binary, args, port);
    this.#cleanup.defer(() => end(process, 'SIGKILL'));
    const redis = new Redis({ port, maxRetriesPerRequest: 0, commandTimeout: 2_000, lazyConnect: true });
    redis.on('error', () => {});
    this.#cleanup.defer(() => redis.disconnect());
    return { port, redis, signal: (signal) => end(process, signal) };
  }
}

async function end(process: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  const exited = once(process, 'exit');
  process.kill(signal);
  if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await exited;
}

/**
 * Starts a Redis Cluster of three masters and waits until it takes commands.
 *
 * @param options.replicas replicas of each master; none unless given
 */
export async function startRedisCluster(options: { replicas?: number } = {}): Promise<TestCluster> {
  const fleet = new Fleet();
  try {
    return await formCluster(fleet, options.replicas ?? 0);
  } catch (error) {
    await fleet[Symbol.asyncDispose]();
    throw error;
  }
}

async function formCluster(fleet: Fleet, replicas: number): Promise<TestCluster> {
  const startNode = async () => {
    // The bus would be 10,000 above the port, where others may be.
    const bus = await findFreePort();
    const node = await fleet.start(
      Object.entries({
        'cluster-enabled': 'yes',
        'cluster-port': `${bus}`,
        'cluster-node-timeout': `${NODE_TIMEOUT_MS}`,
        'cluster-replica-validity-factor': '0',
      }).flatMap(([name, value]) => [`--${name}`, value]),
    );
    return { ...node, bus };
  };
  const nodes = await Promise.all(Array.from({ length: 3 * (1 + replicas) }, startNode));
  const masters = nodes.slice(0, 3);
  const [first] = masters;
  if (!first) throw new Error('no master');
  for (const [index, { redis }] of masters.entries()) {
    const [from, to] = [index, index + 1].map((third) => Math.floor((SLOTS * third) / 3));
    await redis.cluster('ADDSLOTSRANGE', from ?? 0, (to ?? SLOTS) - 1);
    await redis.call('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
  }
  for (const { port, bus } of nodes.slice(1))
    await first.redis.call('CLUSTER', 'MEET', '127.0.0.1', String(port), String(bus));
  const knowsAll = async ({ redis }: RedisNode) => {
    const info = String(await redis.cluster('INFO'));
    return info.includes(`cluster_known_nodes:${nodes.length}`) && info.includes('cluster_state:ok');
  };
  const all = { timeoutMs: FORM_TIMEOUT_MS, what: 'the nodes to know one another' };
  await waitFor(async () => (await Promise.all(nodes.map(knowsAll))).every(Boolean), all);
  for (const [index, { redis }] of nodes.slice(3).entries())
    await redis.cluster('REPLICATE', String(await masters[index % 3]?.redis.cluster('MYID')));
  const replicated = { timeoutMs: FORM_TIMEOUT_MS, what: 'the replicas' };
  await waitFor(async () => (await Promise.all(nodes.slice(3).map(isLinked))).every(Boolean), replicated);

  const masterOf = (key: string) => findOwner(nodes, key);
  const replicaOf = (master: RedisNode) => findReplica(nodes, master);
  return {
    url: `redis+cluster://${masters.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
    nodes,
    masterOf,
    replicaOf,
    async failOver(key) {
      const replica = await replicaOf(await masterOf(key));
      await replica.redis.cluster('FAILOVER');
    },
    async moveSlotOf(key) {
      const source = await masterOf(key);
      const target = masters.find((node) => node.port !== source.port);
      if (target) await moveSlot(key, source, target, masters);
    },
    [Symbol.asyncDispose]: () => fleet[Symbol.asyncDispose](),
  };
}

/** Of the nodes that believe to have the slot, the one that was elected last. */
async function findOwner(nodes: RedisNode[], key: string): Promise<RedisNode> {
  const claims = nodes.map(async (node) => {
    const slot = Number(await node.redis.cluster('KEYSLOT', key));
    const ranges = await node.redis.cluster('SLOTS');
    const range = ranges.find(([from, to]) => from <= slot && slot <= to);
    const epoch = /cluster_my_epoch:(\d+)/.exec(String(await node.redis.cluster('INFO')))?.[1];
    return range?.[2]?.[1] === node.port ? { node, epoch: Number(epoch) } : undefined;
  });
  const settled = await Promise.allSettled(claims);
  const owners = settled.flatMap((claim) =>
    claim.status === 'fulfilled' && claim.value ? [claim.value] : [],
  );
  const [owner] = owners.toSorted((a, b) => b.epoch - a.epoch);
  if (!owner) throw new Error(`nobody has the slot of ${key}`);
  return owner.node;
}

/**
 * A master counts a replica as online while that still loads what it was sent, and sends it nothing new until then: only
 * the replica itself knows that it follows.
 */
async function findReplica(nodes: RedisNode[], master: RedisNode): Promise<RedisNode> {
  const sent = await offsetOf(master, 'master_repl_offset');
  return waitFor(
    async () => {
      const info = await master.redis.info('replication');
      const port = /slave0:ip=[^,]+,port=(\d+),state=online/.exec(info)?.[1];
      const replica = nodes.find((node) => node.port === Number(port));
      if (!replica || !(await isLinked(replica))) return undefined;
      return (await offsetOf(replica, 'slave_repl_offset')) >= sent ? replica : undefined;
    },
    { what: `a replica of ${master.port}`, timeoutMs: FORM_TIMEOUT_MS },
  );
}

async function offsetOf({ redis }: RedisNode, field: string): Promise<number> {
  return Number(new RegExp(`${field}:(\\d+)`).exec(await redis.info('replication'))?.[1]);
}

async function isLinked({ redis }: RedisNode): Promise<boolean> {
  return (await redis.info('replication')).includes('master_link_status:up');
}

async function moveSlot(
  key: string,
  source: RedisNode,
  target: RedisNode,
  masters: RedisNode[],
): Promise<void> {
  const slot = Number(await source.redis.cluster('KEYSLOT', key));
  const from = String(await source.redis.cluster('MYID'));
  const to = String(await target.redis.cluster('MYID'));
  await target.redis.cluster('SETSLOT', slot, 'IMPORTING', from);
  await source.redis.cluster('SETSLOT', slot, 'MIGRATING', to);
  const keys = (await source.redis.cluster('GETKEYSINSLOT', slot, 1_000)) as string[];
  for (const moved of keys) await source.redis.migrate('127.0.0.1', target.port, moved, 0, 5_000);
  for (const { redis } of [target, source, ...masters]) await redis.cluster('SETSLOT', slot, 'NODE', to);
}

const MASTER_NAME = 'sluice';

/** Starts a master, a replica and three sentinels, and waits until the sentinels know all of it. */
export async function startRedisSentinel(): Promise<TestTopology> {
  const fleet = new Fleet();
  try {
    return await formSentinel(fleet);
  } catch (error) {
    await fleet[Symbol.asyncDispose]();
    throw error;
  }
}

async function formSentinel(fleet: Fleet): Promise<TestTopology> {
  const first = await fleet.start([]);
  await fleet.start(['--replicaof', `127.0.0.1 ${first.port}`]);
  const watch = [
    `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${first.port} 2`,
    `sentinel down-after-milliseconds ${MASTER_NAME} ${NODE_TIMEOUT_MS}`,
    `sentinel failover-timeout ${MASTER_NAME} 5000`,
  ].join('\n');
  const sentinels = await Promise.all(Array.from({ length: 3 }, () => fleet.startSentinel(watch)));
  const knowsAll = async ({ redis }: RedisNode) => {
    const state = await redis.call('SENTINEL', 'MASTER', MASTER_NAME);
    const text = (state as string[]).join(' ');
    return text.includes('num-slaves 1') && text.includes('num-other-sentinels 2');
  };
  const all = { timeoutMs: FORM_TIMEOUT_MS, what: 'the sentinels to know one another' };
  await waitFor(async () => (await Promise.all(sentinels.map(knowsAll))).every(Boolean), all);
  return {
    url: `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${MASTER_NAME}`,
    nodes: fleet.nodes,
    async masterOf() {
      const address = await sentinels[0]?.redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME);
      const port = Number((address as string[])[1]);
      const master = fleet.nodes.find((node) => node.port === port);
      if (!master) throw new Error(`the sentinels name port ${port}`);
      return master;
    },
    replicaOf: (master) => findReplica(fleet.nodes, master),
    async failOver() {
      await sentinels[0]?.redis.call('SENTINEL', 'FAILOVER', MASTER_NAME);
    },
    [Symbol.asyncDispose]: () => fleet[Symbol.asyncDispose](),
  };
}
