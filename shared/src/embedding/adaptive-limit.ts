/** A place among those who run at the same time. */
export interface Permit {
  /** Frees the place. Idempotent. */
  release(): void;
}

/**
 * A limit on what runs at the same time that finds out what the other side bears: it rises by one for each round that
 * went well, and halves when it was too much (AIMD). Processes that share a server and each do so end up with equal shares
 * (Chiu and Jain, "Analysis of the increase and decrease algorithms for congestion avoidance", 1989).
 */
export class AdaptiveLimit {
  readonly #most: number;
  readonly #waiting = new Set<() => void>();
  #limit: number;
  #running = 0;
  #lastCut = -Infinity;

  /** @param most the limit to begin with, and never to exceed; at least 1 */
  constructor(most: number) {
    this.#most = most;
    this.#limit = most;
  }

  /** How many may run now. */
  get current(): number {
    return Math.floor(this.#limit);
  }

  /**
   * Waits for a place; those who wait are served in their order.
   *
   * @throws the signal's reason when it aborts first
   */
  async acquire(signal?: AbortSignal): Promise<Permit> {
    signal?.throwIfAborted();
    if (this.#running < this.current) this.#running += 1;
    else await this.#wait(signal);
    let isHeld = true;
    return {
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#running -= 1;
        this.#admit();
      },
    };
  }

  /** Something went well. */
  grow(): void {
    this.#limit = Math.min(this.#most, this.#limit + 1 / this.#limit);
    this.#admit();
  }

  /**
   * Something was too much.
   *
   * @param startedAt when it began (`performance.now()`): what began before the last cut knows nothing new
   */
  cut(startedAt: number): void {
    if (startedAt < this.#lastCut) return;
    this.#lastCut = performance.now();
    this.#limit = Math.max(1, this.#limit / 2);
  }

  async #wait(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = () => {
      if (this.#waiting.delete(resolve)) reject(signal?.reason);
    };
    this.#waiting.add(resolve);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await promise;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #admit(): void {
    for (const start of this.#waiting) {
      if (this.#running >= this.current) return;
      this.#waiting.delete(start);
      this.#running += 1;
      start();
    }
  }
}
