import { median } from './statistics.ts';
import type { Run } from './measure.ts';

/** One line of the table. */
export interface Row {
  measure: string;
  /** The figure as it is shown. */
  figure: string;
  /** What it is held against, of the same run. */
  baseline: string;
  ratio: string;
  /** The goal of DESIGN.md section 8; empty where it sets none. */
  target: string;
  met: 'met' | 'not met' | '';
}

/** What a measure brings. */
export interface Report {
  name: string;
  rows: Row[];
  /** Every run, as measured. */
  runs: unknown[];
}

/** Makes a row; `met` undefined where there is no goal. */
export function rowOf(
  measure: string,
  cells: { figure: string; baseline?: string; ratio?: number; target?: string; met?: boolean },
): Row {
  const { figure, baseline = '', ratio, target = '', met } = cells;
  return {
    measure,
    figure,
    baseline,
    ratio: ratio === undefined || Number.isNaN(ratio) ? '' : `${formatNumber(ratio)} x`,
    target,
    met: met === undefined ? '' : met ? 'met' : 'not met',
  };
}

/** Three significant digits, with thousands separated. */
export function formatNumber(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en-US', { maximumSignificantDigits: 3 });
}

/** Milliseconds as they are shown. */
export function formatMs(value: number): string {
  return `${value.toFixed(2)} ms`;
}

/** The median over the runs of one target. */
export function medianOf(runs: readonly Run[], target: Run['target'], figure: (run: Run) => number): number {
  return median(runs.filter((run) => run.target === target).map(figure));
}

/** A table for people, in Markdown. */
export function formatTable(rows: readonly Row[]): string {
  const header: Row = {
    measure: 'measure',
    figure: 'Sluice',
    baseline: 'baseline',
    ratio: 'ratio',
    target: 'target',
    met: '',
  };
  const cells = [header, ...rows].map((row) => Object.values(row) as string[]);
  const widths =
    cells[0]?.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = cells.map((row) => `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`);
  lines.splice(1, 0, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`);
  return lines.join('\n');
}

/** Rows that say who used how many cores, and what 1,000 tokens cost of each. */
export function cpuRows(title: string, runs: readonly Run[]): Row[] {
  const targets = [...new Set(runs.map((run) => run.target))];
  return targets.map((target) => {
    const names = Object.keys(runs.find((run) => run.target === target)?.cores ?? {});
    const describe = (name: string) => {
      const cores = medianOf(runs, target, (run) => run.cores[name] ?? 0);
      const perThousand = medianOf(
        runs,
        target,
        (run) => ((run.cores[name] ?? 0) * run.seconds * 1e6) / run.tokens,
      );
      return `${name} ${cores.toFixed(2)} (${perThousand.toFixed(2)})`;
    };
    return rowOf(`${title}: cores (CPU ms per 1,000 tokens), ${target}`, {
      figure: names.map(describe).join(', '),
    });
  });
}
