import type { ModelClient } from '@sluice/shared/model-client';
import { fuseRankings } from '@sluice/shared/vector-store/fuse';
import type { Hit, SearchResult, TenantVectors } from '@sluice/shared/vector-store/port';
import { chunkDocument } from '../services/ingest-worker/src/chunk.ts';
import type { ChunkOptions } from '../services/ingest-worker/src/chunk.ts';
import { embedChunks } from '../services/ingest-worker/src/embed.ts';
import type { ExtractedDocument } from '../services/ingest-worker/src/extract/document.ts';

/** What is measured: by meaning, by words, and both fused. */
export const RANKINGS = ['dense', 'bm25', 'hybrid'] as const;
export type Ranking = (typeof RANKINGS)[number];

/** Candidates per ranking: those that the product fuses. */
const CANDIDATES = 50;
const EMBEDDED_AT_ONCE = 64;
const DOCUMENTS_AT_ONCE = 4;

/** A text on its way into the index. */
export interface IndexedText extends Pick<ExtractedDocument, 'text' | 'syntax'> {
  id: string;
}

/** A vector store, seen by one tenant, and the model that embeds for it. */
export interface SearchIndex {
  model: ModelClient;
  vectors: TenantVectors;
}

/**
 * Indexes texts the way the ingest worker does.
 *
 * @returns how many chunks there are
 */
export async function indexTexts(
  { model, vectors }: SearchIndex,
  texts: readonly IndexedText[],
  chunking: ChunkOptions,
): Promise<number> {
  const { signal } = new AbortController();
  const left = texts.values();
  let count = 0;
  const work = async () => {
    for (const { id, text, syntax } of left) {
      const chunks = chunkDocument({ text, syntax, pages: [] }, chunking);
      const owner = { documentId: id, version: 1, filename: `${id}.md`, collection: 'default', labels: [] };
      for await (const points of embedChunks(model, owner, chunks, signal)) await vectors.upsert(points);
      await vectors.activate(id, 1);
      count += chunks.length;
    }
  };
  await Promise.all(Array.from({ length: DOCUMENTS_AT_ONCE }, work));
  return count;
}

/** Searches for each text, and yields what each ranking found, best first, in the order of the texts. */
export async function* searchTexts(
  { model, vectors }: SearchIndex,
  texts: readonly string[],
): AsyncGenerator<Record<Ranking, Hit[]>, void, void> {
  for (let i = 0; i < texts.length; i += EMBEDDED_AT_ONCE) {
    const batch = texts.slice(i, i + EMBEDDED_AT_ONCE);
    const embeddings = await model.embed(batch);
    for (const [n, text] of batch.entries()) {
      const vector = embeddings[n];
      yield rank(await vectors.search({ text, limit: CANDIDATES, ...(vector && { vector }) }));
    }
  }
}

function rank(found: SearchResult): Record<Ranking, Hit[]> {
  return {
    dense: found.dense,
    bm25: found.lexical,
    hybrid: fuseRankings(found).map(({ hit }) => hit),
  };
}
