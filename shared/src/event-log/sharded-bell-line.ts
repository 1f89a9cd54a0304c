import { Command, Redis } from 'ioredis';
import type { Cluster } from 'ioredis';
import type { Logger } from '../logger.ts';
import { isRedisAway } from '../redis/connection.ts';
import type { BellLine, BellLineEvents } from './bell-line.ts';

const RECOVER_MIN_MS = 50;
const RECOVER_MAX_MS = 1_000;

/** A connection to one node, for subscriptions alone. */
interface NodeLink {
  /** `host:port`, as the map of slots has it. */
  node: string;
  redis: Redis;
}

/** A channel that is to be subscribed to, and where it is. */
interface Subscription {
  channel: string;
  slot: number;
  /** Where it is, or has been asked for; none while nobody is known to have its slot. */
  link: NodeLink | undefined;
  isAcknowledged: boolean;
  acknowledged: PromiseWithResolvers<void>;
}

/**
 * Lines to the nodes of a cluster, on sharded pub/sub: one connection to each node that has a channel. Whatever happens
 * to a connection or to a slot ends the connection, and all that was subscribed on it is subscribed anew where its slot
 * is then.
 *
 * Why not the `shardedSubscribers` of ioredis 5.11: it says nothing when a subscription has been renewed, an SSUBSCRIBE
 * that is answered MOVED never settles, an SUNSUBSCRIBE that the server sends on its own when a slot moves is taken for
 * the answer to whatever was asked last, and a renewal that fails is dropped.
 */
export class ShardedBellLine implements BellLine {
  readonly #cluster: Cluster;
  readonly #logger: Logger;
  readonly #events: BellLineEvents;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #links = new Map<string, NodeLink>();
  #recovery: NodeJS.Timeout | undefined;
  #failures = 0;

  constructor(cluster: Cluster, logger: Logger, events: BellLineEvents) {
    this.#cluster = cluster;
    this.#logger = logger;
    this.#events = events;
    cluster.on('refresh', () => this.#leaveFormerOwners());
    cluster.on('end', () => this.#close());
  }

  subscribe(channel: string): Promise<void> {
    const known = this.#subscriptions.get(channel);
    if (known) return known.acknowledged.promise;
    const subscription: Subscription = {
      channel,
      slot: slotOf(channel),
      link: undefined,
      isAcknowledged: false,
      acknowledged: Promise.withResolvers(),
    };
    this.#subscriptions.set(channel, subscription);
    this.#ask(subscription);
    return subscription.acknowledged.promise;
  }

  unsubscribe(channel: string): void {
    const subscription = this.#subscriptions.get(channel);
    this.#subscriptions.delete(channel);
    subscription?.link?.redis.sunsubscribe(channel).catch(() => {});
  }

  /** Asks the node that has the slot; comes back to it later when none is known. */
  #ask(subscription: Subscription): void {
    const [node] = this.#cluster.slots[subscription.slot] ?? [];
    if (this.#cluster.status === 'end') return this.#close();
    if (node === undefined) return this.#recoverSoon();
    const link = this.#links.get(node) ?? this.#connect(node);
    subscription.link = link;
    link.redis.ssubscribe(subscription.channel).then(
      () => this.#acknowledge(subscription, link),
      (error: unknown) => {
        if (!isRedisAway(error)) this.#logger.warn({ err: error, node }, 'Redis refused a subscription');
        this.#drop(link);
      },
    );
  }

  #acknowledge(subscription: Subscription, link: NodeLink): void {
    if (subscription.link !== link) return;
    this.#failures = 0;
    subscription.acknowledged.resolve();
    if (subscription.isAcknowledged) this.#events.renewed(subscription.channel);
    subscription.isAcknowledged = true;
  }

  #connect(node: string): NodeLink {
    const port = node.lastIndexOf(':');
    const redis = new Redis({
      ...this.#cluster.options.redisOptions,
      host: node.slice(0, port),
      port: Number(node.slice(port + 1)),
      retryStrategy: () => null,
    });
    const link = { node, redis };
    this.#links.set(node, link);
    redis.on('smessage', (channel: string, message: string) => this.#events.message(channel, message));
    // 'moved': a slot is elsewhere; 'error': also the server's own SUNSUBSCRIBE, which ioredis takes for a wrong answer.
    for (const event of ['moved', 'error', 'end']) redis.on(event, () => this.#drop(link));
    return link;
  }

  /** Gives a connection up with all that is subscribed on it. */
  #drop(link: NodeLink): void {
    if (this.#links.get(link.node) !== link) return;
    this.#links.delete(link.node);
    link.redis.disconnect();
    let channels = 0;
    for (const subscription of this.#subscriptions.values()) {
      if (subscription.link !== link) continue;
      subscription.link = undefined;
      channels += 1;
    }
    if (channels === 0) return;
    this.#logger.info({ node: link.node, channels }, 'subscriptions lost: renewing them');
    this.#recoverSoon();
  }

  /** Reads the map of slots again, then asks for what is nowhere; the longer between, the oftener it failed in a row. */
  #recoverSoon(): void {
    if (this.#recovery !== undefined) return;
    const wait = Math.min(RECOVER_MIN_MS * 2 ** this.#failures, RECOVER_MAX_MS);
    this.#failures = Math.min(this.#failures + 1, 10);
    this.#recovery = setTimeout(() => {
      this.#cluster.refreshSlotsCache(() => {
        this.#recovery = undefined;
        this.#askForLost();
      });
    }, wait);
  }

  #askForLost(): void {
    const lost = [...this.#subscriptions.values()].filter(({ link }) => link === undefined);
    for (const subscription of lost) this.#ask(subscription);
    this.#logger.debug({ channels: lost.length }, 'subscriptions asked for again');
  }

  /** A master that was made a replica keeps its connections, and a slot may have moved without a word. */
  #leaveFormerOwners(): void {
    for (const { slot, link } of this.#subscriptions.values()) {
      const [owner] = this.#cluster.slots[slot] ?? [];
      if (link !== undefined && owner !== link.node) this.#drop(link);
    }
  }

  #close(): void {
    clearTimeout(this.#recovery);
    for (const { redis } of this.#links.values()) redis.disconnect();
    this.#links.clear();
    for (const { acknowledged } of this.#subscriptions.values()) {
      acknowledged.promise.catch(() => {});
      acknowledged.reject(new Error('Connection is closed.'));
    }
    this.#subscriptions.clear();
  }
}

function slotOf(channel: string): number {
  const slot = new Command('ssubscribe', [channel]).getSlot();
  if (slot === null) throw new TypeError(`no slot for the channel ${channel}`);
  return slot;
}
