import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel';
import type { CircuitBreakerPolicy } from 'cockatiel';
import { UnavailableError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { noteBreaker } from '../metrics/models.ts';
import { ModelFailure } from './failure.ts';

/** Clients choose model names, so there is a limit to how many are remembered. */
const MAX_BREAKERS = 1_000;

/** Keeps a dead model from being asked, and waited for, by every request. */
export class ModelBreaker {
  readonly #policy: CircuitBreakerPolicy;
  readonly #resetMs: number;
  #openedAt = 0;

  constructor(model: string, failures: number, resetMs: number, logger: Logger) {
    this.#resetMs = resetMs;
    this.#policy = circuitBreaker(
      handleWhen((error) => this.#countsAgainst(error)),
      { halfOpenAfter: resetMs, breaker: new ConsecutiveBreaker(failures) },
    );
    this.#policy.onBreak(() => {
      this.#openedAt = Date.now();
      noteBreaker(model, true);
      logger.warn({ reset_ms: resetMs }, 'model circuit opened: not asked for a while');
    });
    this.#policy.onReset(() => {
      noteBreaker(model, false);
      logger.info('model circuit closed: it works again');
    });
  }

  get isOpen(): boolean {
    return this.#policy.state !== CircuitState.Closed;
  }

  /**
   * Does `work`, one request to the model.
   *
   * @throws {ModelFailure} at once when the model is not to be asked now
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    // While a half-open circuit's one request is under way cockatiel holds all others until it is decided: with a dead
    // provider, for a whole time-out.
    if (this.#policy.state === CircuitState.HalfOpen) throw this.#refuse(1_000);
    const left = this.#openedAt + this.#resetMs - Date.now();
    if (this.isOpen && left > 0) throw this.#refuse(left);
    return this.#policy.execute(work);
  }

  /** An abort says nothing of the provider. To cockatiel what does not count is a success, which closes a half-open circuit. */
  #countsAgainst(error: unknown): boolean {
    if (error instanceof ModelFailure) return error.providerFault;
    return this.#policy.state === CircuitState.HalfOpen;
  }

  #refuse(leftMs: number): ModelFailure {
    const retryAfter = Math.ceil(leftMs / 1_000);
    const sentence = `The model has failed several times in a row and is left alone for ${retryAfter} s. ${this.#lastSentence()}`;
    return new ModelFailure(
      new UnavailableError(503, 'model_unavailable', sentence.trimEnd(), { retryAfter }),
      { provider_message: 'not asked: its circuit is open' },
      { again: false, elsewhere: true, providerFault: false },
    );
  }

  #lastSentence(): string {
    const last = this.#policy.lastFailure;
    return last && 'error' in last && last.error instanceof ModelFailure ? last.error.message : '';
  }
}

/** The breakers of a process: one for each model of each provider. */
export function createBreakers(
  policy: { breakerFailures: number; breakerResetMs: number },
  logger: Logger,
): (provider: { url: string; host: string }, model: string) => ModelBreaker {
  const breakers = new Map<string, ModelBreaker>();
  return (provider, model) => {
    const key = `${provider.url} ${model}`;
    const breaker =
      breakers.get(key) ??
      new ModelBreaker(
        model,
        policy.breakerFailures,
        policy.breakerResetMs,
        logger.child({ provider: provider.host, model }),
      );
    breakers.delete(key);
    breakers.set(key, breaker);
    const [leastRecent] = breakers.keys();
    if (breakers.size > MAX_BREAKERS && leastRecent !== undefined) breakers.delete(leastRecent);
    return breaker;
  };
}
