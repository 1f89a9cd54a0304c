import { SluiceApiError } from './errors.ts';

/** When to try again, and when to give up. */
export interface RetryOptions {
  /** Upper bound of the first delay, which doubles with every failure; 250 ms unless given. */
  minDelayMs?: number;
  /** Upper bound of every delay that the server did not ask for; 8,000 ms unless given. */
  maxDelayMs?: number;
  /** Attempts at a request, and at the first connection of a stream; 5 unless given. */
  maxAttempts?: number;
  /** How long a stream that was there may be away before it is given up; 120,000 ms unless given. */
  deadlineMs?: number;
}

/** The delays of one request or stream: exponential, with full jitter, never less than the server asks for. */
export class Backoff {
  readonly #limits: Required<RetryOptions>;
  #failures = 0;
  #awaySince: number | undefined;
  #wasThere = false;
  #serverDelayMs = 0;

  constructor(limits: Required<RetryOptions>) {
    this.#limits = limits;
  }

  /** Something came over the connection. */
  heard(): void {
    this.#awaySince = undefined;
    this.#wasThere = true;
  }

  /** What came moved the stream on, so the next delay is a short one again. */
  advanced(): void {
    this.#failures = 0;
  }

  /** The server asked for at least this delay before every new connection (`retry:`). */
  askedFor(delayMs: number): void {
    this.#serverDelayMs = delayMs;
  }

  /**
   * Waits before the next attempt.
   *
   * @throws `failure`, when there is to be no other attempt
   * @throws the signal's reason, when it aborts
   */
  async wait(failure: unknown, signal?: AbortSignal): Promise<void> {
    const { minDelayMs, maxDelayMs, maxAttempts, deadlineMs } = this.#limits;
    this.#awaySince ??= performance.now();
    this.#failures += 1;
    if (!this.#wasThere && this.#failures >= maxAttempts) throw failure;
    const retryAfter = failure instanceof SluiceApiError ? (failure.retryAfter ?? 0) : 0;
    const askedMs = Math.max(this.#serverDelayMs, retryAfter * 1_000);
    const delayMs = askedMs + Math.random() * Math.min(maxDelayMs, minDelayMs * 2 ** (this.#failures - 1));
    if (performance.now() - this.#awaySince + delayMs > deadlineMs) throw failure;
    await sleep(delayMs, signal);
  }
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
