import OpenAI, { APIConnectionError, APIConnectionTimeoutError, APIError, APIUserAbortError } from 'openai';
import type { ChatMessage } from './contracts/chat.ts';
import { SluiceError, UnavailableError } from './errors.ts';

/** Milliseconds until the model's response headers, per try. */
const RESPONSE_TIMEOUT_MS = 60_000;
/** Tries after the first, before the first token only; the SDK backs off with jitter and honours Retry-After. */
const MAX_RETRIES = 2;
/** Inputs of one embedding request; OpenAI allows 2,048, several compatible servers far fewer. */
const EMBEDDING_BATCH = 64;

/** One event of a model's answer. */
export type ModelEvent =
  | { type: 'content'; text: string }
  | { type: 'reasoning'; text: string }
  | { type: 'finish'; reason: string }
  | { type: 'usage'; prompt_tokens: number; completion_tokens: number };

/** What to ask. A last message of the role `assistant` is a partial answer to go on with. */
export interface ChatCompletionRequest {
  messages: readonly ChatMessage[];
  model: string;
  temperature: number;
  max_tokens: number;
}

/** An OpenAI-compatible server. */
export interface ModelClient {
  /**
   * Streams an answer. Ending the iteration early, or `signal`, closes the upstream request.
   *
   * @throws {UnavailableError} `model_unavailable`, `model_timeout`, `model_rate_limited`
   * @throws {SluiceError} `model_rejected_request`, `model_auth_failed`
   */
  streamChat(request: ChatCompletionRequest, signal: AbortSignal): AsyncGenerator<ModelEvent, void, void>;
  /**
   * Embeds texts, in order; each vector has the configured dimensions. Throws as `streamChat` does, and
   * `embedding_dimensions_mismatch` when the model gives other vectors than configured.
   */
  embed(texts: readonly string[], signal?: AbortSignal): Promise<Float32Array[]>;
}

/** Opens a client; no connection is made before the first call. */
export function createModelClient(settings: {
  apiKey?: string | undefined;
  baseUrl?: string | undefined;
  embeddingModel: string;
  embeddingDimensions: number;
}): ModelClient {
  const openai = new OpenAI({
    // A key is required by the SDK, not by every server.
    apiKey: settings.apiKey ?? 'none',
    ...(settings.baseUrl !== undefined && { baseURL: settings.baseUrl }),
    maxRetries: MAX_RETRIES,
    timeout: RESPONSE_TIMEOUT_MS,
  });
  return {
    streamChat: (request, signal) => streamChat(openai, request, signal),
    embed: (texts, signal) => embed(openai, settings, texts, signal),
  };
}

async function* streamChat(
  openai: OpenAI,
  request: ChatCompletionRequest,
  signal: AbortSignal,
): AsyncGenerator<ModelEvent, void, void> {
  try {
    const chunks = await openai.chat.completions.create(
      { ...request, messages: [...request.messages], stream: true, stream_options: { include_usage: true } },
      { signal },
    );
    let finished = false;
    for await (const chunk of chunks) {
      const choice = chunk.choices[0];
      // DeepSeek, Qwen and vLLM send their reasoning beside the content; OpenAI's types do not know the field.
      const delta = choice?.delta as
        | { content?: string | null; reasoning_content?: string | null }
        | undefined;
      if (delta?.reasoning_content) yield { type: 'reasoning', text: delta.reasoning_content };
      if (delta?.content) yield { type: 'content', text: delta.content };
      if (choice?.finish_reason) {
        finished = true;
        yield { type: 'finish', reason: choice.finish_reason };
      }
      if (chunk.usage) {
        const { prompt_tokens, completion_tokens } = chunk.usage;
        yield { type: 'usage', prompt_tokens, completion_tokens };
      }
    }
    // The SDK ends the iteration quietly both when its signal aborts and when the server hangs up.
    signal.throwIfAborted();
    if (!finished) throw new UnavailableError(502, 'model_unavailable', 'The model broke off its answer.');
  } catch (error) {
    throw translateModelError(error, signal);
  }
}

async function embed(
  openai: OpenAI,
  settings: { embeddingModel: string; embeddingDimensions: number },
  texts: readonly string[],
  signal?: AbortSignal,
): Promise<Float32Array[]> {
  const vectors: Float32Array[] = [];
  for (let i = 0; i < texts.length; i += EMBEDDING_BATCH) {
    const batch = texts.slice(i, i + EMBEDDING_BATCH);
    vectors.push(...(await embedBatch(openai, settings, batch, signal)));
  }
  return vectors;
}

async function embedBatch(
  openai: OpenAI,
  { embeddingModel, embeddingDimensions }: { embeddingModel: string; embeddingDimensions: number },
  input: string[],
  signal?: AbortSignal,
): Promise<Float32Array[]> {
  try {
    const response = await openai.embeddings.create(
      {
        model: embeddingModel,
        input,
        // Not every compatible server knows base64, the SDK's default.
        encoding_format: 'float',
        ...(canShorten(embeddingModel) && { dimensions: embeddingDimensions }),
      },
      { ...(signal && { signal }) },
    );
    if (response.data.length !== input.length) {
      throw new SluiceError(
        502,
        'model_unavailable',
        `The embedding model answered ${response.data.length} vectors to ${input.length} texts.`,
      );
    }
    const ordered = response.data.toSorted((a, b) => a.index - b.index);
    return ordered.map(({ embedding }) => toVector(embedding, embeddingModel, embeddingDimensions));
  } catch (error) {
    throw translateModelError(error, signal);
  }
}

/** Models that take `dimensions` (OpenAI's and DashScope's); others refuse the parameter or ignore it. */
function canShorten(model: string): boolean {
  return /^text-embedding-(3|v[34])/.test(model);
}

function toVector(embedding: number[], model: string, dimensions: number): Float32Array {
  if (embedding.length === dimensions) return Float32Array.from(embedding);
  throw new SluiceError(
    500,
    'embedding_dimensions_mismatch',
    `The embedding model ${model} gives vectors of ${embedding.length} numbers, but EMBEDDING_DIMENSIONS is ${dimensions}. Set EMBEDDING_DIMENSIONS=${embedding.length} and restart.`,
  );
}

/** Turns what the SDK throws into our errors; an abort stays the reason that the signal carries. */
function translateModelError(error: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof APIUserAbortError || error instanceof SluiceError) return error;
  const cause = { cause: error };
  if (error instanceof APIConnectionTimeoutError) {
    return new UnavailableError(504, 'model_timeout', 'The model did not answer in time.', cause);
  }
  if (error instanceof APIConnectionError || !(error instanceof APIError) || error.status === undefined) {
    return new UnavailableError(
      502,
      'model_unavailable',
      'The model cannot be reached. Check that it runs and that OPENAI_BASE_URL is right.',
      cause,
    );
  }
  if (error.status === 429) {
    return new UnavailableError(
      503,
      'model_rate_limited',
      'The model is overloaded or its quota is used up. Try again later.',
      cause,
    );
  }
  if (error.status === 401 || error.status === 403) {
    return new SluiceError(
      502,
      'model_auth_failed',
      'The model refused the API key. Check OPENAI_API_KEY.',
      cause,
    );
  }
  if (error.status >= 500) {
    return new UnavailableError(502, 'model_unavailable', `The model failed (HTTP ${error.status}).`, cause);
  }
  return new SluiceError(
    502,
    'model_rejected_request',
    `The model rejected the request (HTTP ${error.status}); its name or the length of the conversation may be wrong.`,
    cause,
  );
}
