/** What a model can be too slow at, once there is a connection. */
export type TimeoutPhase = 'first_token' | 'token' | 'embedding';

/** The reason that a watchdog aborts with. */
export class PhaseTimeout extends Error {
  readonly phase: TimeoutPhase;
  readonly afterMs: number;

  constructor(phase: TimeoutPhase, afterMs: number) {
    super(`no ${phase} within ${afterMs} ms`);
    this.phase = phase;
    this.afterMs = afterMs;
  }
}

/**
 * Aborts a request that takes too long. The SDK's own time-out ends with the response's headers: it covers neither the
 * tokens nor the body of an error.
 */
export class Watchdog implements Disposable {
  /** Aborts with the outer signal's reason, or with a `PhaseTimeout`. */
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #phase: TimeoutPhase | undefined;
  #isResting = false;

  constructor(outer?: AbortSignal) {
    this.signal = outer ? AbortSignal.any([outer, this.#controller.signal]) : this.#controller.signal;
  }

  /** Starts the time of a phase, in place of what was watched before. */
  watch(phase: TimeoutPhase, ms: number): void {
    this.#isResting = false;
    // Once a token, and much cheaper than a new timer; one that has fired while resting starts again too.
    if (this.#timer && this.#phase === phase) return void this.#timer.refresh();
    clearTimeout(this.#timer);
    this.#phase = phase;
    this.#timer = setTimeout(() => {
      if (!this.#isResting) this.#controller.abort(new PhaseTimeout(phase, ms));
    }, ms);
  }

  /** Stops the time, while it is not the model that is waited for. */
  rest(): void {
    this.#isResting = true;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
