import { Redis } from 'ioredis';
import { logKey } from '@sluice/shared/redis/keys';
import type { Watched } from './watchers.ts';
import type { World } from './world.ts';

/** When records were in the log, by a reader that needs no bell: what a client's delay is measured against. */
export class ReferenceReader implements AsyncDisposable {
  readonly #redis: Redis;
  readonly #world: World;
  readonly #positions = new Map<string, string>();
  readonly #times = new Map<string, number>();
  readonly #reading: Promise<void>;
  #isOver = false;

  constructor(world: World) {
    this.#world = world;
    this.#redis = new Redis(world.redis.url, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
    this.#redis.on('error', () => {});
    this.#reading = this.#read();
  }

  /** Reads a chat's log from now on. */
  follow(chatId: string): void {
    const key = logKey('default', chatId);
    if (!this.#positions.has(key)) this.#positions.set(key, '$');
  }

  /**
   * Milliseconds between the log and each client that never left, for each record of a chat, with the time of the
   * record. Who leaves gets a record when it comes back, which says nothing of the bell.
   */
  *delaysOf(stream: Watched): Generator<{ loggedAt: number; ms: number }> {
    const key = logKey('default', stream.id() ?? '');
    for (const { seen, connections } of stream.observations) {
      if (connections > 1) continue;
      for (const { id, at } of seen) {
        const loggedAt = this.#times.get(`${key} ${id}`);
        if (loggedAt !== undefined) yield { loggedAt, ms: at - loggedAt };
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#reading;
    this.#redis.disconnect();
  }

  async #read(): Promise<void> {
    while (!this.#isOver) {
      if (this.#positions.size === 0) {
        await this.#world.control.ping();
        await new Promise((resolve) => setTimeout(resolve, 20));
        continue;
      }
      const keys = [...this.#positions.keys()];
      const read = await this.#redis.xread('BLOCK', 50, 'STREAMS', ...keys, ...this.#positions.values());
      const at = performance.now();
      for (const [key, entries] of read ?? []) {
        for (const [id] of entries) this.#times.set(`${key} ${id}`, at);
        this.#positions.set(key, entries.at(-1)?.[0] ?? '$');
      }
    }
  }
}
