import type { Redis } from 'ioredis';
import type { Logger } from '../logger.ts';
import { isRedisAway } from '../redis/connection.ts';

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

/**
 * A line to one server, on plain pub/sub. Each new connection asks for all channels anew, so that nothing depends on what
 * became of a command on a connection that was lost: ioredis 5.11 counts the answers that a SUBSCRIBE of several channels
 * got before the loss to the one that it sends again, and some of the commands behind it never settle. The connection must
 * have `autoResendUnfulfilledCommands: false`.
 */
export class PlainBellLine implements BellLine {
  readonly #redis: Redis;
  readonly #logger: Logger;
  readonly #events: BellLineEvents;
  /** Channels that are to be heard, with who waits for the acknowledgement. */
  readonly #channels = new Map<string, PromiseWithResolvers<void>>();
  #connectedBefore: boolean;

  constructor(redis: Redis, logger: Logger, events: BellLineEvents) {
    this.#redis = redis;
    this.#logger = logger;
    this.#events = events;
    this.#connectedBefore = redis.status === 'ready';
    redis.on('message', (channel: string, message: string) => events.message(channel, message));
    redis.on('ready', () => {
      if (this.#connectedBefore) void this.#renew();
      this.#connectedBefore = true;
    });
    redis.on('end', () => this.#close());
  }

  subscribe(channel: string): Promise<void> {
    const acknowledged = this.#channels.get(channel) ?? Promise.withResolvers<void>();
    this.#channels.set(channel, acknowledged);
    void this.#ask([channel]);
    return acknowledged.promise;
  }

  unsubscribe(channel: string): void {
    this.#channels.delete(channel);
    if (this.#redis.status === 'ready') this.#redis.unsubscribe(channel).catch(() => {});
  }

  /** @returns whether Redis has acknowledged them; it never resolves when the connection is lost before */
  async #ask(channels: string[]): Promise<boolean> {
    const waiting = channels.map((channel) => this.#channels.get(channel));
    try {
      await this.#redis.subscribe(...channels);
    } catch (error) {
      // Lost: the next connection asks again. Refused: asking again would not help.
      if (isRedisAway(error)) this.#logger.debug({ err: error }, 'could not subscribe');
      else for (const acknowledged of waiting) acknowledged?.reject(error);
      return false;
    }
    for (const acknowledged of waiting) acknowledged?.resolve();
    return true;
  }

  async #renew(): Promise<void> {
    const channels = [...this.#channels.keys()];
    for (let i = 0; i < channels.length; i += RESUBSCRIBE_BATCH) {
      const batch = channels.slice(i, i + RESUBSCRIBE_BATCH);
      if (!(await this.#ask(batch))) return;
      for (const channel of batch) this.#events.renewed(channel);
    }
    if (channels.length > 0)
      this.#logger.info({ channels: channels.length }, 'subscriptions renewed, logs re-read');
  }

  #close(): void {
    for (const acknowledged of this.#channels.values()) {
      acknowledged.promise.catch(() => {});
      acknowledged.reject(new Error('Connection is closed.'));
    }
    this.#channels.clear();
  }
}
