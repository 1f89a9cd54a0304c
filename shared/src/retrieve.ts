import type { z } from 'zod';
import type { Source } from './contracts/events.ts';
import type { metadataFilterSchema } from './contracts/knowledge.ts';
import { labelGroups } from './metadata.ts';
import type { ModelClient } from './model-client.ts';
import { fuseRankings } from './vector-store/fuse.ts';
import type { VectorStore } from './vector-store/port.ts';

/** Candidates per ranking that are fused. */
const CANDIDATES = 50;
export const DEFAULT_TOP_K = 5;

/** What to look for. */
export interface RetrievalQuery {
  text: string;
  topK: number;
  /** Least cosine similarity; what only the words found is dropped when it is set. */
  minScore?: number | undefined;
  documents?: readonly string[] | undefined;
  collections?: readonly string[] | undefined;
  metadata?: z.infer<typeof metadataFilterSchema> | undefined;
}

/** A source with the score of each stage; a stage that did not find it has none. */
export type RetrievedSource = Source & { scores: { dense?: number; lexical?: number } };

/**
 * Finds the passages of a tenant's documents that fit a text, by meaning and by words, the two rankings fused.
 *
 * @returns at most `topK`, best first, numbered from 1
 */
export async function retrieve(
  deps: { store: VectorStore; model: ModelClient },
  tenant: string,
  query: RetrievalQuery,
  signal?: AbortSignal,
): Promise<RetrievedSource[]> {
  const [vector] = await deps.model.embed([query.text], signal);
  const rankings = await deps.store.forTenant(tenant).search({
    ...(vector && { vector }),
    text: query.text,
    limit: CANDIDATES,
    filter: {
      ...(query.documents && { documents: query.documents }),
      ...(query.collections && { collections: query.collections }),
      ...(query.metadata && { labels: labelGroups(query.metadata) }),
    },
  });
  return fuseRankings(rankings)
    .filter(({ dense }) => query.minScore === undefined || (dense !== undefined && dense >= query.minScore))
    .slice(0, query.topK)
    .map(({ hit, score, dense, lexical }, i) => ({
      n: i + 1,
      document_id: hit.documentId,
      filename: hit.filename,
      version: hit.version,
      chunk_index: hit.index,
      ...(hit.page !== undefined && { page: hit.page }),
      ...(hit.pageEnd !== undefined && { page_end: hit.pageEnd }),
      headings: hit.headings,
      start: hit.start,
      end: hit.end,
      score,
      text: hit.text,
      scores: { ...(dense !== undefined && { dense }), ...(lexical !== undefined && { lexical }) },
    }));
}
