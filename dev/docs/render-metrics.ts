import { replaceGenerated } from './pages.ts';
import type { Metric } from './read-metrics.ts';

/** Puts the tables of metrics between the marks of docs/operations/metrics.md. */
export function renderMetrics(
  sections: readonly { title: string; metrics: readonly Metric[] }[],
  page: string,
): string {
  return replaceGenerated(
    page,
    sections.map(({ title, metrics }) =>
      [`## ${title}\n`, '| metric | type | labels | shown by | |', '| --- | --- | --- | --- | --- |']
        .concat(metrics.map(renderRow))
        .join('\n'),
    ),
  );
}

function renderRow({ name, type, labels, services, help }: Metric): string {
  const shownBy = services.length === 3 ? 'all services' : services.join(', ');
  return `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${shownBy} | ${help} |`;
}
