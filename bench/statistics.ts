/** A distribution in short. `count` 0 has no other figures. */
export interface Quantiles {
  count: number;
  p50: number;
  p99: number;
}

/** Sorts the values in place. */
export function quantilesOf(values: number[]): Quantiles {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99) };
}

/** The middle value; the lower of the two middle ones of an even number. */
export function median(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}
