import type { OpsSnapshot } from '@sluice/client';

/** What charts look back on. */
export const WINDOW_SECONDS = 600;
/** Between two samples, beyond which a line breaks: nobody looked meanwhile. */
const GAP_SECONDS = 10;

/** What charts show of a snapshot. */
export interface Sample {
  /** Seconds since 1970. */
  at: number;
  p50?: number | undefined;
  p95?: number | undefined;
  generated: number;
  delivered: number;
  /** Per minute. */
  documents: number;
}
export type Measure = Exclude<keyof Sample, 'at'>;

/** The samples with one more, of the last ten minutes. */
export function addSample(history: readonly Sample[], { at, chat, ingest }: OpsSnapshot): Sample[] {
  const sample: Sample = {
    at: Date.parse(at) / 1_000,
    p50: chat.first_token.p50_ms,
    p95: chat.first_token.p95_ms,
    generated: chat.tokens_per_second,
    delivered: chat.tokens_delivered_per_second,
    documents: ingest.documents_per_second * 60,
  };
  // Gateways have clocks of their own: after a reconnect the next one may be behind.
  const before = history.filter((one) => one.at < sample.at && one.at > sample.at - WINDOW_SECONDS);
  return [...before, sample];
}

/** The columns that uPlot draws: times, then the values of each measure, with an empty row where nobody looked. */
export function toColumns(
  history: readonly Sample[],
  measures: readonly Measure[],
): [times: number[], ...values: (number | null)[][]] {
  const times: number[] = [];
  const values: (number | null)[][] = measures.map(() => []);
  for (const [i, sample] of history.entries()) {
    const before = history[i - 1];
    if (before && sample.at - before.at > GAP_SECONDS) {
      times.push((before.at + sample.at) / 2);
      for (const column of values) column.push(null);
    }
    times.push(sample.at);
    for (const [n, measure] of measures.entries()) values[n]?.push(sample[measure] ?? null);
  }
  return [times, ...values];
}

/** The latest value of a measure, and the highest. */
export function summarize(
  history: readonly Sample[],
  measure: Measure,
): { latest: number | undefined; highest: number | undefined } {
  const values = history.flatMap((sample) => sample[measure] ?? []);
  return {
    latest: history.at(-1)?.[measure],
    highest: values.length === 0 ? undefined : Math.max(...values),
  };
}

/** The highest value of each measure in each minute, newest first: what a chart shows, to be read. */
export function byMinute(
  history: readonly Sample[],
  measures: readonly Measure[],
): { at: number; values: (number | undefined)[] }[] {
  const minutes = Map.groupBy(history, ({ at }) => Math.floor(at / 60) * 60);
  return [...minutes]
    .toSorted(([a], [b]) => b - a)
    .map(([at, samples]) => ({ at, values: measures.map((measure) => summarize(samples, measure).highest) }));
}
