/** How good rankings are; each from 0 to 1, the mean over all questions. */
type RankingQuality = Record<'recall@1' | 'recall@5' | 'recall@10' | 'ndcg@10' | 'mrr@10', number>;

/** A question's documents, best first, and how relevant each one really is. */
export interface Judged {
  ranking: readonly string[];
  relevant: ReadonlyMap<string, number>;
}

/** The mean quality of rankings over all questions. */
export function judgeRankings(judged: readonly Judged[]): RankingQuality {
  const mean = (of: (one: Judged) => number) =>
    judged.reduce((sum, one) => sum + of(one), 0) / Math.max(1, judged.length);
  return {
    'recall@1': mean((one) => recallAt(1, one)),
    'recall@5': mean((one) => recallAt(5, one)),
    'recall@10': mean((one) => recallAt(10, one)),
    'ndcg@10': mean((one) => ndcgAt(10, one)),
    'mrr@10': mean((one) => reciprocalRankAt(10, one)),
  };
}

function recallAt(k: number, { ranking, relevant }: Judged): number {
  return ranking.slice(0, k).filter((id) => relevant.has(id)).length / relevant.size;
}

/** Gains as they are, discount log2(rank + 1): trec_eval's `ndcg_cut`, which BEIR reports. */
function ndcgAt(k: number, { ranking, relevant }: Judged): number {
  const ideal = [...relevant.values()].toSorted((left, right) => right - left);
  return discount(ranking.slice(0, k).map((id) => relevant.get(id) ?? 0)) / discount(ideal.slice(0, k));
}

function discount(gains: readonly number[]): number {
  return gains.reduce((sum, gain, i) => sum + gain / Math.log2(i + 2), 0);
}

function reciprocalRankAt(k: number, { ranking, relevant }: Judged): number {
  const position = ranking.slice(0, k).findIndex((id) => relevant.has(id));
  return position === -1 ? 0 : 1 / (position + 1);
}
