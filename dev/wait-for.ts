const POLL_MS = 25;

/** What {@link waitFor} is told beside the check. */
export interface WaitOptions {
  /** Milliseconds until the wait fails. */
  timeoutMs?: number;
  /** What is waited for, for the message of the failure. */
  what: string;
}

/**
 * Polls until `check` gives something truthy and returns that.
 *
 * @throws {Error} after `timeoutMs` (10 s unless given), with the last error of `check`, if it threw, as the cause
 */
export async function waitFor<T>(
  check: () => T | Promise<T>,
  { timeoutMs = 10_000, what }: WaitOptions,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value) return value;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadline)
      throw new Error(`Waited ${timeoutMs} ms in vain for ${what}.`, { cause });
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
