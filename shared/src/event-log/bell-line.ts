import type { Redis } from 'ioredis';
import type { Logger } from '../logger.ts';

/** What a line tells of the channels subscribed to. */
export interface BellLineEvents {
  message(channel: string, message: string): void;
  /** The subscription was lost and is there again: messages may have been missed in between. */
  renewed(channel: string): void;
}

/** Subscriptions to channels, kept up through every loss of a connection until they are ended. */
export interface BellLine {
  /** Resolves once Redis has acknowledged the subscription, however long that takes. */
  subscribe(channel: string): Promise<void>;
  unsubscribe(channel: string): void;
}

const RESUBSCRIBE_BATCH = 500;

/** A line to one server, on plain pub/sub. */
export class PlainBellLine implements BellLine {
  readonly #redis: Redis;
  readonly #logger: Logger;
  readonly #events: BellLineEvents;
  readonly #channels = new Set<string>();
  #connectedBefore: boolean;

  constructor(redis: Redis, logger: Logger, events: BellLineEvents) {
    this.#redis = redis;
    this.#logger = logger;
    this.#events = events;
    this.#connectedBefore = redis.status === 'ready';
    redis.on('message', (channel: string, message: string) => events.message(channel, message));
    redis.on('ready', () => {
      if (this.#connectedBefore) void this.#resubscribe();
      this.#connectedBefore = true;
    });
  }

  async subscribe(channel: string): Promise<void> {
    this.#channels.add(channel);
    await this.#redis.subscribe(channel);
  }

  unsubscribe(channel: string): void {
    this.#channels.delete(channel);
    if (this.#redis.status === 'ready') this.#redis.unsubscribe(channel).catch(() => {});
  }

  async #resubscribe(): Promise<void> {
    const channels = [...this.#channels];
    try {
      for (let i = 0; i < channels.length; i += RESUBSCRIBE_BATCH) {
        const batch = channels.slice(i, i + RESUBSCRIBE_BATCH);
        await this.#redis.subscribe(...batch);
        for (const channel of batch) this.#events.renewed(channel);
      }
      if (channels.length > 0)
        this.#logger.info({ channels: channels.length }, 'subscriptions renewed, logs re-read');
    } catch (error) {
      // Lost again; the next 'ready' starts over with all channels.
      this.#logger.debug({ err: error }, 'could not renew subscriptions');
    }
  }
}
