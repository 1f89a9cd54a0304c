import type { Logger } from '../logger.ts';
import { isCluster } from '../redis/connection.ts';
import type { RedisClient } from '../redis/connection.ts';
import { PlainBellLine } from './bell-line.ts';
import type { BellLine, BellLineEvents } from './bell-line.ts';
import { ShardedBellLine } from './sharded-bell-line.ts';

/** Hears one channel. */
export interface BellListener {
  /** A message came. */
  ring(message: string): void;
  /** Messages may have been missed: the connection was lost and the subscription has been renewed. */
  missed(): void;
}

/**
 * Shares the subscriber connection of a process among all its open logs: plain pub/sub with one server, sharded pub/sub
 * with a cluster.
 */
export class Doorbell {
  readonly #line: BellLine;
  readonly #listeners = new Map<string, Set<BellListener>>();

  /** @param redis a `subscriber` connection, used for nothing else; the caller closes it */
  constructor(redis: RedisClient, logger: Logger) {
    const events: BellLineEvents = {
      message: (channel, message) => {
        for (const listener of this.#listeners.get(channel) ?? []) listener.ring(message);
      },
      renewed: (channel) => {
        for (const listener of this.#listeners.get(channel) ?? []) listener.missed();
      },
    };
    this.#line = isCluster(redis)
      ? new ShardedBellLine(redis, logger, events)
      : new PlainBellLine(redis, logger, events);
  }

  /**
   * Subscribes and resolves once Redis has acknowledged it: what is published from then on rings the listener.
   *
   * @returns the end of the subscription
   */
  async listen(channel: string, listener: BellListener): Promise<() => void> {
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(listener));
    const stop = () => this.#remove(channel, listener);
    try {
      await this.#line.subscribe(channel);
    } catch (error) {
      stop();
      throw error;
    }
    return stop;
  }

  #remove(channel: string, listener: BellListener): void {
    const listeners = this.#listeners.get(channel);
    if (!listeners?.delete(listener) || listeners.size > 0) return;
    this.#listeners.delete(channel);
    this.#line.unsubscribe(channel);
  }
}
