import type { ModelClient } from '@sluice/shared/model-client';
import { estimateTokens } from '@sluice/shared/text/estimate-tokens';
import type { Point } from '@sluice/shared/vector-store/port';
import type { TextChunk } from './chunk.ts';
import { workAhead } from './work-ahead.ts';

/** Most chunks, and most tokens by `estimateTokens`, that are embedded and stored together. */
export const BATCH = 64;
const BATCH_TOKENS = 16_000;
/** Batches of a document that are being embedded while one is being stored. */
export const AHEAD = 2;

/** Which document version the chunks belong to. */
export interface ChunkOwner {
  documentId: string;
  version: number;
  filename: string;
  collection: string;
  labels: string[];
}

/**
 * Embeds a document's chunks, a batch at a time, in order, and a few batches ahead of who takes the points: chunks are read
 * and vectors held for those alone. What is embedded is the path of headings and the chunk, so that a passage is found by
 * what its section is about.
 */
export function embedChunks(
  model: Pick<ModelClient, 'embed'>,
  owner: ChunkOwner,
  chunks: Iterable<TextChunk>,
  signal: AbortSignal,
): AsyncGenerator<Point[], void, void> {
  return workAhead(batchChunks(chunks), AHEAD, signal, async (batch, stop) => {
    const texts = batch.map(withHeadings);
    const vectors = await model.embed(texts, stop);
    return batch.map((chunk, n) => ({
      ...chunk,
      ...owner,
      indexedText: texts[n] as string,
      vector: vectors[n] as Float32Array,
    }));
  });
}

function* batchChunks(chunks: Iterable<TextChunk>): Generator<TextChunk[], void, void> {
  let batch: TextChunk[] = [];
  let tokens = 0;
  for (const chunk of chunks) {
    const size = estimateTokens(withHeadings(chunk));
    if (batch.length === BATCH || (batch.length > 0 && tokens + size > BATCH_TOKENS)) {
      yield batch;
      [batch, tokens] = [[], 0];
    }
    batch.push(chunk);
    tokens += size;
  }
  if (batch.length > 0) yield batch;
}

/** What of a chunk is embedded, and searched for words. */
export function withHeadings({ headings, text }: Pick<TextChunk, 'headings' | 'text'>): string {
  return headings.length === 0 ? text : `${headings.join(' > ')}\n${text}`;
}
