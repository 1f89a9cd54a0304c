/**
 * Estimates a percentile from cumulative histogram buckets, as Prometheus's `histogram_quantile` does: evenly spread within a
 * bucket. What is above the last bound counts as the last bound.
 *
 * @param buckets upper bound (`+Inf` too) -> how many were at or below it
 * @param share 0.95 for the 95th percentile
 * @returns undefined when there is nothing
 */
export function estimatePercentile(
  buckets: Readonly<Record<string, number>>,
  share: number,
): number | undefined {
  const sorted = Object.entries(buckets)
    .map(([bound, count]) => ({ bound: bound === '+Inf' ? Infinity : Number(bound), count }))
    .toSorted((a, b) => a.bound - b.bound);
  const total = sorted.at(-1)?.count ?? 0;
  if (total === 0) return undefined;
  const rank = share * total;
  let below = { bound: 0, count: 0 };
  for (const bucket of sorted) {
    if (bucket.count >= rank) {
      if (bucket.bound === Infinity) return below.bound;
      const within = (rank - below.count) / Math.max(bucket.count - below.count, Number.EPSILON);
      return below.bound + (bucket.bound - below.bound) * within;
    }
    below = bucket;
  }
  return below.bound;
}
