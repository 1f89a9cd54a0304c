import { z } from 'zod';
import type { rerankSettings } from '../config.ts';
import type { Logger } from '../logger.ts';

/** Where passages are ranked against a question. */
interface RerankerSettings {
  /** The whole address, such as `https://api.jina.ai/v1/rerank`; no reranker without one. */
  url?: string | undefined;
  /** Sent where given; some servers have only one model. */
  model?: string | undefined;
  apiKey?: string | undefined;
  /** Milliseconds that one request may take. */
  timeoutMs: number;
}

/** A cross-encoder behind the request that Cohere, Jina, vLLM, DashScope and others share. */
export interface Reranker {
  /**
   * Relevance of each document to a query, by the document's position; higher is better.
   *
   * @returns undefined when the endpoint failed or was too slow, which is logged: the order before is as good a one
   * @throws only the signal's reason
   */
  rank(
    query: string,
    documents: readonly string[],
    signal?: AbortSignal,
  ): Promise<Map<number, number> | undefined>;
}

const responseSchema = z.object({
  results: z.array(z.object({ index: z.int().nonnegative(), relevance_score: z.number() })).min(1),
});

/** Opens a reranker; no connection is made before the first question. */
export function openReranker(
  { url, model, apiKey, timeoutMs }: RerankerSettings,
  logger: Pick<Logger, 'warn'>,
): Reranker | undefined {
  if (url === undefined) return undefined;
  const headers = {
    'content-type': 'application/json',
    ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
  };
  return {
    async rank(query, documents, signal) {
      const timeout = AbortSignal.timeout(timeoutMs);
      try {
        const response = await fetch(url, {
          method: 'POST',
          headers,
          body: JSON.stringify({ ...(model && { model }), query, documents, top_n: documents.length }),
          signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
        });
        if (!response.ok) {
          await response.body?.cancel();
          throw new Error(`the endpoint answered ${response.status}`);
        }
        const { results } = responseSchema.parse(await response.json());
        if (results.some(({ index }) => index >= documents.length))
          throw new Error('the endpoint ranked a document that it was not given');
        return new Map(results.map(({ index, relevance_score }) => [index, relevance_score]));
      } catch (error) {
        signal?.throwIfAborted();
        logger.warn(
          { err: error, host: new URL(url).host },
          'reranking failed: going on with the order before',
        );
        return undefined;
      }
    },
  };
}

/** The reranker of a service's configuration; undefined where it has none. */
export function configureReranker(
  config: z.output<z.ZodObject<typeof rerankSettings>>,
  logger: Logger,
): Reranker | undefined {
  return openReranker(
    {
      url: config.RERANK_URL,
      model: config.RERANK_MODEL,
      apiKey: config.RERANK_API_KEY,
      timeoutMs: config.RERANK_TIMEOUT_MS,
    },
    logger,
  );
}
