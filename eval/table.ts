import type { Report } from './kept.ts';
import { RANKINGS } from './search-index.ts';

/** The figures as Markdown, a table for each kind of them. */
export function formatTable(reports: readonly Report[]): string {
  const kinds = new Map<string, Report[]>();
  for (const report of reports) {
    const columns = Object.keys(report.figures.dense).join(' | ');
    kinds.set(columns, [...(kinds.get(columns) ?? []), report]);
  }
  return [...kinds]
    .map(([columns, rows]) =>
      [
        `| data set | store | chunks | questions | s | ranking | ${columns} |`,
        `| --- | --- | --: | --: | --: | --- |${' --: |'.repeat(columns.split(' | ').length)}`,
        ...rows.flatMap(formatRows),
      ].join('\n'),
    )
    .join('\n\n');
}

function formatRows({ dataset, store, chunks, queries, seconds, figures }: Report): string[] {
  return RANKINGS.map((ranking, i) => {
    const head =
      i === 0 ? `${dataset} | ${store} | ${chunks} | ${queries} | ${seconds.toFixed(1)}` : ' | | | |';
    const values = Object.values(figures[ranking]).map((value) => value.toFixed(4));
    return `| ${head} | ${ranking} | ${values.join(' | ')} |`;
  });
}
