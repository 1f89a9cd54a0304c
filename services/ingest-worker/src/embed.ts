import type { ModelClient } from '@sluice/shared/model-client';
import type { VectorSpace } from '@sluice/shared/vector-store/names';
import type { Point } from '@sluice/shared/vector-store/port';
import type { TextChunk } from './chunk.ts';

/** Chunks that are embedded and stored together: at 500 characters one request of about 10,000 tokens. */
const BATCH = 64;

/** Which document version the chunks belong to. */
export interface ChunkOwner {
  documentId: string;
  version: number;
  filename: string;
  collection: string;
  labels: string[];
}

/**
 * Embeds a document's chunks, a batch at a time, in order. What is embedded is the path of headings and the chunk, so
 * that a passage is found by what its section is about.
 */
export async function* embedChunks(
  model: ModelClient,
  owner: ChunkOwner,
  chunks: readonly TextChunk[],
  signal: AbortSignal,
  space?: VectorSpace,
): AsyncGenerator<Point[], void, void> {
  for (let i = 0; i < chunks.length; i += BATCH) {
    const batch = chunks
      .slice(i, i + BATCH)
      .map((chunk) => ({ ...chunk, ...owner, indexedText: withHeadings(chunk) }));
    const vectors = await model.embed(
      batch.map((chunk) => chunk.indexedText),
      signal,
      space,
    );
    yield batch.map((chunk, n) => ({ ...chunk, vector: vectors[n] as Float32Array }));
  }
}

/** What of a chunk is embedded, and searched for words. */
export function withHeadings({ headings, text }: Pick<TextChunk, 'headings' | 'text'>): string {
  return headings.length === 0 ? text : `${headings.join(' > ')}\n${text}`;
}
