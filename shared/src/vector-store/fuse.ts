import type { Hit, SearchResult } from './port.ts';

/** A hit of one or both rankings. */
export interface FusedHit {
  hit: Hit;
  /** From 0 to 1, relative to the other hits of the same search: scores of two searches cannot be compared. */
  score: number;
  /** Cosine similarity; absent when the dense ranking lacks the hit. */
  dense?: number;
  /** BM25 score; absent when the lexical ranking lacks the hit. */
  lexical?: number;
}

/** What each ranking counts; docs/decisions/0010-relative-score-fusion.md has the figures. */
const WEIGHTS = { dense: 0.35, lexical: 0.65 };
/** Ranks after the best one that tell how clearly it stands out. */
const RUNNERS_UP = 9;
/** A ranking that cannot tell its hits apart still orders those that no other ranking has. */
const LEAST_CLARITY = 0.01;

/**
 * Merges the two rankings of a search by relative score. In each ranking the best hit counts 1 and the floor 0; that
 * is multiplied by the weight of the ranking and by its clarity, which is how far its best hit stands above the next
 * ones, and added up. Best first; equal scores stay in the order dense before lexical, then by rank.
 */
export function fuseRankings({ dense, lexical }: SearchResult): FusedHit[] {
  const fused = new Map<string, FusedHit>();
  // A dense ranking holds all there is, up to the limit: where the lexical one is shorter, every other chunk scores 0.
  const lexicalFloor = lexical.length < dense.length ? 0 : floorOf(lexical);
  add('dense', dense, floorOf(dense));
  add('lexical', lexical, lexicalFloor);
  return [...fused.values()].toSorted((left, right) => right.score - left.score);

  function add(stage: keyof typeof WEIGHTS, hits: readonly Hit[], floor: number): void {
    const relative = toRelative(hits, floor);
    const weight = WEIGHTS[stage] * clarityOf(relative);
    for (const [position, hit] of hits.entries()) {
      const key = JSON.stringify([hit.documentId, hit.version, hit.index]);
      const entry = fused.get(key) ?? { hit, score: 0 };
      const score = entry.score + weight * (relative[position] ?? 0);
      fused.set(key, { ...entry, score, [stage]: hit.score });
    }
  }
}

function floorOf(hits: readonly Hit[]): number {
  return hits.at(-1)?.score ?? 0;
}

/** Scores from 1, the best, to 0, the floor; all 1 where none is above it. */
function toRelative(hits: readonly Hit[], floor: number): number[] {
  const range = (hits[0]?.score ?? 0) - floor;
  return hits.map(({ score }) => (range > 0 ? (score - floor) / range : 1));
}

/** 1 when the best hit stands alone, near 0 when the next ones are as good. */
function clarityOf(relative: readonly number[]): number {
  const runnersUp = relative.slice(1, RUNNERS_UP + 1).reduce((sum, score) => sum + score, 0);
  return Math.max(LEAST_CLARITY, 1 - runnersUp / RUNNERS_UP);
}
