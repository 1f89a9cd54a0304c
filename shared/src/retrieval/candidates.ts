import type { z } from 'zod';
import type { metadataFilterSchema, RetrievalMode } from '../contracts/knowledge.ts';
import { labelGroups } from '../metadata.ts';
import { inSpan } from '../tracing/spans.ts';
import type { ModelClient } from '../model-client.ts';
import type { VectorSpace } from '../vector-store/names.ts';
import { fuseRankings } from '../vector-store/fuse.ts';
import type { Hit, SearchFilter, TenantVectors } from '../vector-store/port.ts';

/** Hits per ranking that are fused. */
const HITS_PER_RANKING = 50;

/** A chunk that may become a source. */
export interface Candidate {
  hit: Hit;
  /** Of each stage; a stage that did not find it has none. */
  scores: StageScores;
}

/** Scores of one chunk: cosine similarity, BM25, the fusion of both, and relevance by the rerank endpoint. */
export interface StageScores {
  dense?: number;
  lexical?: number;
  fused: number;
  rerank?: number;
}

/** Which documents may be searched; an absent part means all of the tenant's. */
export interface DocumentFilter {
  documents?: readonly string[] | undefined;
  collections?: readonly string[] | undefined;
  metadata?: z.infer<typeof metadataFilterSchema> | undefined;
}

/** Finds chunks by meaning, by words or by both, the rankings fused; best first, at most 100. */
export async function findCandidates(
  deps: { vectors: TenantVectors; space: VectorSpace; model: Pick<ModelClient, 'embed'> },
  query: DocumentFilter & { text: string; mode: RetrievalMode },
  signal?: AbortSignal,
): Promise<Candidate[]> {
  const [vector] = query.mode === 'lexical' ? [] : await deps.model.embed([query.text], signal, deps.space);
  const search = {
    ...(vector && { vector }),
    ...(query.mode !== 'dense' && { text: query.text }),
    limit: HITS_PER_RANKING,
    filter: toSearchFilter(query),
  };
  const rankings = await inSpan('search', {}, () => deps.vectors.search(search));
  return fuseRankings(rankings).map(({ hit, score, dense, lexical }) => ({
    hit,
    scores: {
      ...(dense !== undefined && { dense }),
      ...(lexical !== undefined && { lexical }),
      fused: score,
    },
  }));
}

function toSearchFilter({ documents, collections, metadata }: DocumentFilter): SearchFilter {
  return {
    ...(documents && { documents }),
    ...(collections && { collections }),
    ...(metadata && { labels: labelGroups(metadata) }),
  };
}
