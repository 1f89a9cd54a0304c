import type { Redis } from 'ioredis';
import type { Logger } from '../logger.ts';

/** Hears one channel. */
export interface BellListener {
  /** A message came. */
  ring(message: string): void;
  /** Messages may have been missed: the connection was lost and the subscription has been renewed. */
  missed(): void;
}

const RESUBSCRIBE_BATCH = 500;

/**
 * Shares one subscriber connection of a process among all its open logs.
 */
export class Doorbell {
  readonly #redis: Redis;
  readonly #logger: Logger;
  readonly #listeners = new Map<string, Set<BellListener>>();
  #connectedBefore = false;

  /** @param redis a `subscriber` connection, used for nothing else; the caller closes it */
  constructor(redis: Redis, logger: Logger) {
    this.#redis = redis;
    this.#logger = logger;
    this.#connectedBefore = redis.status === 'ready';
    redis.on('message', (channel: string, message: string) => {
      for (const listener of this.#listeners.get(channel) ?? []) listener.ring(message);
    });
    redis.on('ready', () => {
      if (this.#connectedBefore) void this.#resubscribe();
      this.#connectedBefore = true;
    });
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
      await this.#redis.subscribe(channel);
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
    if (this.#redis.status === 'ready') this.#redis.unsubscribe(channel).catch(() => {});
  }

  async #resubscribe(): Promise<void> {
    const channels = [...this.#listeners.keys()];
    try {
      for (let i = 0; i < channels.length; i += RESUBSCRIBE_BATCH) {
        const batch = channels.slice(i, i + RESUBSCRIBE_BATCH);
        await this.#redis.subscribe(...batch);
        for (const channel of batch)
          for (const listener of this.#listeners.get(channel) ?? []) listener.missed();
      }
      if (channels.length > 0)
        this.#logger.info({ channels: channels.length }, 'subscriptions renewed, logs re-read');
    } catch (error) {
      // Lost again; the next 'ready' starts over with all channels.
      this.#logger.debug({ err: error }, 'could not renew subscriptions');
    }
  }
}
