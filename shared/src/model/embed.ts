import { SluiceError } from '../errors.ts';
import { countUsage, ModelTimer } from '../metrics/models.ts';
import { estimateTokens } from '../text/estimate-tokens.ts';
import { traceEmbeddings } from '../tracing/model.ts';
import { describeFailure } from './failure.ts';
import { askWithRetry } from './retry.ts';
import type { RequestPacer, RetryContext } from './retry.ts';
import type { ModelTarget } from './target.ts';
import { Watchdog } from './watchdog.ts';

/** Inputs of one embedding request; OpenAI allows 2,048, several compatible servers far fewer. */
const EMBEDDING_BATCH = 64;
/** DashScope refuses more than 10 for its text-embedding-v3 and -v4 (Model Studio, "OpenAI compatible - Embedding"). */
const DASHSCOPE_BATCH = 10;

/**
 * Embeds texts, in order.
 *
 * @throws {ModelFailure} or the signal's reason
 * @throws {SluiceError} `embedding_dimensions_mismatch`
 */
export async function embedTexts(
  context: RetryContext,
  target: ModelTarget,
  dimensions: number,
  texts: readonly string[],
  pacer?: RequestPacer,
): Promise<Float32Array[]> {
  const vectors: Float32Array[] = [];
  const batchSize = /^text-embedding-v\d/.test(target.model) ? DASHSCOPE_BATCH : EMBEDDING_BATCH;
  for (let i = 0; i < texts.length; i += batchSize) {
    const batch = texts.slice(i, i + batchSize);
    const embeddings = await askWithRetry(paced(context, batch, pacer), target, () =>
      traceEmbeddings(target, batch.length, () => requestEmbeddings(context, target, dimensions, batch)),
    );
    for (const embedding of embeddings) vectors.push(toVector(embedding, target.model, dimensions));
  }
  return vectors;
}

function paced(context: RetryContext, batch: readonly string[], pacer?: RequestPacer): RetryContext {
  if (!pacer) return context;
  const tokens = batch.reduce((sum, text) => sum + estimateTokens(text), 0);
  return { ...context, pace: (request) => pacer.run(tokens, request, context.signal) };
}

async function requestEmbeddings(
  { policy, signal }: RetryContext,
  { openai, model, secrets }: ModelTarget,
  dimensions: number,
  input: string[],
): Promise<number[][]> {
  using watchdog = new Watchdog(signal);
  const timer = new ModelTimer(model, 'embeddings');
  try {
    watchdog.watch('embedding', policy.firstTokenTimeoutMs);
    const { data, usage } = await openai.embeddings.create(
      {
        model,
        input,
        // Not every compatible server knows base64, the SDK's default.
        encoding_format: 'float',
        ...(canShorten(model) && { dimensions }),
      },
      { signal: watchdog.signal },
    );
    if (data.length !== input.length)
      throw new Error(`${data.length} vectors came for ${input.length} texts`);
    timer.end();
    // Not every compatible server says it.
    if (usage?.prompt_tokens) countUsage(model, 'embeddings', 'input', usage.prompt_tokens);
    return data.toSorted((a, b) => a.index - b.index).map(({ embedding }) => embedding);
  } catch (error) {
    if (signal?.aborted) timer.end('aborted');
    signal?.throwIfAborted();
    const what: unknown = watchdog.signal.aborted ? watchdog.signal.reason : error;
    const failure = describeFailure(what, 'embedding', secrets);
    timer.end(failure.shown.code);
    throw failure;
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
