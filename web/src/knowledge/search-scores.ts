import type { SearchResult } from '@sluice/client';

/** Scores of a result, in the order in which the stages of a search give them. */
export const SCORE_NAMES = ['fused', 'dense', 'lexical', 'rerank'] as const;
export type ScoreName = (typeof SCORE_NAMES)[number];

/** A score as a bar. */
export interface ScoreBar {
  name: ScoreName;
  value: number;
  /** Of the whole bar, from 0 to 1. */
  share: number;
}

/**
 * The bars of each result. Similarities and fused scores are from 0 to 1 as they are; BM25 and what a reranker gives have no
 * end, so their bars are relative to the best one of the search.
 */
export function toScoreBars(results: readonly Pick<SearchResult, 'scores'>[]): ScoreBar[][] {
  const best = (name: ScoreName) => Math.max(...results.map(({ scores }) => scores[name] ?? 0), 0);
  const ends: Record<ScoreName, number> = {
    fused: Math.max(best('fused'), 1),
    dense: 1,
    lexical: best('lexical'),
    rerank: Math.max(best('rerank'), 1),
  };
  return results.map(({ scores }) =>
    SCORE_NAMES.flatMap((name) => {
      const value = scores[name];
      if (value === undefined) return [];
      const share = ends[name] === 0 ? 0 : Math.min(Math.max(value / ends[name], 0), 1);
      return [{ name, value, share }];
    }),
  );
}
