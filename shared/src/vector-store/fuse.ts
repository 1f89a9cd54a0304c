import type { Hit, SearchResult } from './port.ts';

/** A hit of one or both rankings. */
export interface FusedHit {
  hit: Hit;
  /** Sum of `1 / (60 + rank)` over the rankings that hold the hit; at most 2/61. */
  score: number;
  /** Cosine similarity; absent when the dense ranking lacks the hit. */
  dense?: number;
  /** BM25 score; absent when the lexical ranking lacks the hit. */
  lexical?: number;
}

/** Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet", SIGIR 2009. */
const K = 60;

/**
 * Merges the two rankings of a search by reciprocal rank, ranks counted from 1. Best first; equal scores stay in the
 * order dense before lexical, then by rank.
 */
export function fuseRankings(result: SearchResult): FusedHit[] {
  const fused = new Map<string, FusedHit>();
  for (const stage of ['dense', 'lexical'] as const) {
    for (const [position, hit] of result[stage].entries()) {
      const key = JSON.stringify([hit.documentId, hit.version, hit.index]);
      const entry = fused.get(key) ?? { hit, score: 0 };
      fused.set(key, { ...entry, score: entry.score + 1 / (K + position + 1), [stage]: hit.score });
    }
  }
  return [...fused.values()].toSorted((left, right) => right.score - left.score);
}
