/** A fixed number of places, given out in the order of asking. */
export interface Slots {
  /**
   * Waits for a place and returns the function that frees it.
   *
   * @throws the signal's reason when it aborts first, or the reason given to `close`.
   */
  acquire(signal?: AbortSignal): Promise<() => void>;
  /** Rejects everyone who waits, and everyone who asks from now on. */
  close(reason: Error): void;
}

interface Waiter {
  resolve(): void;
  reject(reason: unknown): void;
}

/** @param count Places that may be taken at the same time, at least 1. */
export function createSlots(count: number): Slots {
  const waiting = new Set<Waiter>();
  let free = count;
  let closed: Error | undefined;

  function release(): void {
    const [next] = waiting;
    if (!next) {
      free++;
      return;
    }
    waiting.delete(next);
    next.resolve();
  }

  async function wait(signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { resolve, reject };
    const onAbort = (): void => {
      if (waiting.delete(waiter)) reject(signal?.reason);
    };
    waiting.add(waiter);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await promise;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  return {
    async acquire(signal) {
      signal?.throwIfAborted();
      if (closed) throw closed;
      if (free > 0) free--;
      else await wait(signal);
      let held = true;
      return () => {
        if (held) release();
        held = false;
      };
    },
    close(reason) {
      closed = reason;
      for (const waiter of waiting) waiter.reject(reason);
      waiting.clear();
    },
  };
}
