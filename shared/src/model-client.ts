import type { Logger } from './logger.ts';
import { readAnswer } from './model/answer-stream.ts';
import type { ChatCompletionRequest, ModelEvent } from './model/answer-stream.ts';
import { embedTexts } from './model/embed.ts';
import { ModelFailure } from './model/failure.ts';
import { askInOrder, logFailure } from './model/retry.ts';
import type { RequestPacer, RetryContext } from './model/retry.ts';
import { DEFAULT_FAILURE_POLICY } from './model/settings.ts';
import type { FailurePolicy } from './model/settings.ts';
import type { VectorSpace } from './vector-store/names.ts';
import { openTargets } from './model/target.ts';
import type { ModelTarget, ProviderSettings } from './model/target.ts';

export type { ChatCompletionRequest, ModelEvent } from './model/answer-stream.ts';

/** OpenAI-compatible servers. */
export interface ModelClient {
  /**
   * Streams an answer, of the request's model on the main provider or, when that fails before its first token, of a
   * fallback. Ending the iteration early, or `signal`, closes the upstream request. After the first token nothing is
   * tried again: going on with a partial answer is the caller's.
   *
   * @throws {UnavailableError} `model_unavailable`, `model_timeout`, `model_rate_limited`; `retryAfter` where known
   * @throws {SluiceError} `model_rejected_request`, `model_auth_failed`
   */
  streamChat(request: ChatCompletionRequest, signal: AbortSignal): AsyncGenerator<ModelEvent, void, void>;
  /**
   * Embeds texts, in order, into the configured space unless another one is given. Throws as `streamChat` does, and
   * `embedding_dimensions_mismatch` when the model gives vectors of another length.
   */
  embed(texts: readonly string[], signal?: AbortSignal, space?: VectorSpace): Promise<Float32Array[]>;
}

/** The providers, the embedding model, and what of the failure policy differs from the default. */
export interface ModelClientSettings extends ProviderSettings, Partial<FailurePolicy> {
  embeddingModel: string;
  embeddingDimensions: number;
}

/**
 * Opens a client; no connection is made before the first call.
 *
 * @param pacer holds back requests for embeddings
 */
export function createModelClient(
  settings: ModelClientSettings,
  logger: Logger,
  pacer?: RequestPacer,
): ModelClient {
  const policy: FailurePolicy = { ...DEFAULT_FAILURE_POLICY, ...settings };
  const targets = openTargets(settings, policy, logger);
  return {
    streamChat: (request, signal) =>
      streamChat({ policy, logger, signal }, targets.forChat(request.model), request, signal),
    async embed(
      texts,
      signal,
      space = { model: settings.embeddingModel, dimensions: settings.embeddingDimensions },
    ) {
      const target = targets.forEmbedding(space.model);
      try {
        return await embedTexts({ policy, logger, signal }, target, space.dimensions, texts, pacer);
      } catch (error) {
        throw toShown(error);
      }
    },
  };
}

async function* streamChat(
  context: RetryContext,
  targets: readonly ModelTarget[],
  request: ChatCompletionRequest,
  signal: AbortSignal,
): AsyncGenerator<ModelEvent, void, void> {
  let answer: BegunAnswer | undefined;
  try {
    answer = await askInOrder(context, targets, async (target, attempt) => {
      const events = readAnswer(target, request, context.policy, signal);
      return { target, attempt, first: await events.next(), events };
    });
    yield { type: 'model', model: answer.target.model };
    // `yield*` would await each event once more.
    for (let step = answer.first; !step.done; step = await answer.events.next()) yield step.value;
  } catch (error) {
    if (answer && error instanceof ModelFailure) {
      logFailure(context.logger, answer.target, error, { attempt: answer.attempt });
    }
    throw toShown(error);
  } finally {
    await answer?.events.return();
  }
}

/** An answer whose first token is there. */
interface BegunAnswer {
  target: ModelTarget;
  attempt: number;
  first: IteratorResult<ModelEvent, void>;
  events: AsyncGenerator<ModelEvent, void, void>;
}

/** What the caller gets of an error; an abort stays the reason that the signal carries. */
function toShown(error: unknown): unknown {
  return error instanceof ModelFailure ? error.shown : error;
}
