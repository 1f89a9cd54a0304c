import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../logger.ts';
import { countModelError } from '../metrics/models.ts';
import { ModelFailure } from './failure.ts';
import type { FailurePolicy } from './settings.ts';
import type { ModelTarget } from './target.ts';

/** No wait of our own choice is longer. */
const MAX_BACKOFF_MS = 8_000;

/** What trying needs beside the target. */
export interface RetryContext {
  policy: FailurePolicy;
  logger: Logger;
  signal?: AbortSignal | undefined;
  /** Makes each request when it may be made. */
  pace?: <T>(request: () => Promise<T>) => Promise<T>;
}

/** Makes requests when they may be made, within what all who share the pacer may ask for. */
export interface RequestPacer {
  /** @param tokens of the request, by `estimateTokens` */
  run<T>(tokens: number, request: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

/**
 * Asks a model, again as often as the policy says while its failures may pass, unless its circuit opens meanwhile.
 *
 * @param request makes one request; it throws a `ModelFailure`, or the signal's reason
 */
export async function askWithRetry<T>(
  context: RetryContext,
  target: ModelTarget,
  request: (attempt: number) => Promise<T>,
): Promise<T> {
  const { policy, logger, signal, pace = (run) => run() } = context;
  for (let attempt = 1; ; attempt++) {
    try {
      return await pace(() => target.breaker.run(() => request(attempt)));
    } catch (error) {
      if (!(error instanceof ModelFailure)) throw error;
      const mayRetry = error.again && attempt < policy.tries && !target.breaker.isOpen;
      const waitMs = mayRetry ? chooseWait(policy, attempt, error.retryAfterMs) : undefined;
      logFailure(logger, target, error, { attempt, ...(waitMs !== undefined && { retry_in_ms: waitMs }) });
      if (waitMs === undefined) throw error;
      await wait(waitMs, signal);
    }
  }
}

/**
 * Asks one model after the other until one answers.
 *
 * @throws {ModelFailure} that of the first, which is the one that was wanted
 */
export async function askInOrder<T>(
  context: RetryContext,
  targets: readonly ModelTarget[],
  request: (target: ModelTarget, attempt: number) => Promise<T>,
): Promise<T> {
  let first: ModelFailure | undefined;
  for (const target of targets) {
    if (first)
      context.logger.warn(
        { provider: target.provider, model: target.model },
        'falling back to another model',
      );
    try {
      return await askWithRetry(context, target, (attempt) => request(target, attempt));
    } catch (error) {
      if (!(error instanceof ModelFailure)) throw error;
      first ??= error;
      if (!error.elsewhere) break;
    }
  }
  throw first ?? new Error('there is no model to ask');
}

/** Logs and counts one failed request to a model: what the provider said is here and nowhere else. */
export function logFailure(
  logger: Logger,
  { provider, model }: ModelTarget,
  { shown, record }: ModelFailure,
  more: { attempt: number; retry_in_ms?: number },
): void {
  countModelError(model, shown.code);
  logger.warn({ provider, model, code: shown.code, ...record, ...more }, 'model request failed');
}

/**
 * Half of the wait is random, so that what failed together does not come back together ("equal jitter" of the AWS
 * Architecture Blog, Exponential Backoff And Jitter). Never less than the provider asks for.
 *
 * @returns milliseconds, or undefined when the provider asks for more than is waited
 */
function chooseWait(policy: FailurePolicy, attempt: number, retryAfterMs?: number): number | undefined {
  const backoffMs = Math.min(policy.backoffMs * 2 ** (attempt - 1), MAX_BACKOFF_MS);
  const jitterMs = Math.round((Math.random() * backoffMs) / 2);
  if (retryAfterMs === undefined) return Math.round(backoffMs / 2) + jitterMs;
  return retryAfterMs <= policy.maxRetryAfterMs ? Math.ceil(retryAfterMs) + jitterMs : undefined;
}

/** Waits, unless the signal aborts; then it throws its reason. */
export async function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, { ...(signal && { signal }) });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
