import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OFFLINE_EMBEDDING } from './environment.ts';
import type { StoreName } from './environment.ts';
import { RANKINGS } from './search-index.ts';
import type { Ranking } from './search-index.ts';

/** What one data set has shown with one store. */
export interface Report {
  dataset: string;
  store: StoreName;
  embedding: string;
  documents: number;
  chunks: number;
  queries: number;
  seconds: number;
  /** By ranking, figures by name; each from 0 to 1, more is better. */
  figures: Record<Ranking, Record<string, number>>;
}

/** Data set -> ranking -> figure -> value. */
type Kept = Record<string, Record<string, Record<string, number>>>;

const FILE = join(import.meta.dirname, 'kept.json');
/** Figures may fall by so much without being a fault: a question more or less of a thousand. */
const TOLERANCE = 0.003;
/** By how much the fused ranking may be worse than the better of its parts. */
const HYBRID_LOSS = 0.01;

/** What of the reports is worse than it was kept, or than it must be; one sentence each. */
export function findRegressions(reports: readonly Report[]): string[] {
  const kept = JSON.parse(readFileSync(FILE, 'utf8')) as Kept;
  return reports.flatMap((report) => [...compareWithKept(report, kept), ...compareHybrid(report)]);
}

/** Replaces the kept figures of these data sets. */
export function keepFigures(reports: readonly Report[]): void {
  const kept = JSON.parse(readFileSync(FILE, 'utf8')) as Kept;
  for (const { dataset, figures } of reports.filter(isComparable)) {
    kept[dataset] = Object.fromEntries(RANKINGS.map((ranking) => [ranking, roundAll(figures[ranking])]));
  }
  writeFileSync(FILE, `${JSON.stringify(kept, undefined, 2)}\n`);
}

/** The figures that are kept come from the set-up that everybody has. */
function isComparable({ store, embedding }: Report): boolean {
  return store === 'sqlite' && embedding === OFFLINE_EMBEDDING;
}

function compareWithKept(report: Report, kept: Kept): string[] {
  if (!isComparable(report)) return [];
  const before = kept[report.dataset];
  if (!before) return [`${report.dataset}: no figures are kept; run npm run eval -- --keep`];
  return RANKINGS.flatMap((ranking) =>
    Object.entries(before[ranking] ?? {})
      .filter(([figure, value]) => !((report.figures[ranking][figure] ?? 0) >= value - TOLERANCE))
      .map(
        ([figure, value]) =>
          `${report.dataset}, ${ranking}: ${figure} is ${round(report.figures[ranking][figure] ?? 0)}, was ${value}`,
      ),
  );
}

function compareHybrid({ dataset, store, figures }: Report): string[] {
  const { dense, bm25, hybrid } = figures;
  const best = Math.max(dense['ndcg@10'] ?? 0, bm25['ndcg@10'] ?? 0);
  const value = hybrid['ndcg@10'] ?? 0;
  if (value >= best - HYBRID_LOSS) return [];
  return [`${dataset} (${store}), hybrid: ndcg@10 is ${round(value)}, its better part has ${round(best)}`];
}

function roundAll(figures: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, round(value)]));
}

function round(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
