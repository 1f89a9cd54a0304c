import type { Batch, SluiceClient } from '../client/src/index.ts';
import type { IngestReport } from './ingest.ts';
import type { LocalFailure } from './upload-queue.ts';

/** Failures that are listed; the rest is told by number. */
const LISTED = 100;

/** What a finished ingestion has to say. */
export interface Summary {
  text: string;
  hasFailures: boolean;
}

/** Sums up, with a table of what failed. */
export async function summarize(client: SluiceClient, report: IngestReport): Promise<Summary> {
  const { skipped, batches, failures } = report;
  const sum = (count: (batch: Batch) => number) => batches.reduce((total, batch) => total + count(batch), 0);
  const failed: LocalFailure[] = [...failures];
  for (const { id } of batches) failed.push(...(await listFailures(client, id)));
  const facts = [
    [sum(({ counts }) => counts.ready), 'indexed'],
    [skipped + sum(({ counts }) => counts.duplicate), 'already there'],
    [sum(({ counts }) => counts.cancelled), 'cancelled'],
    [failed.length, 'failed'],
  ] as const;
  const told = facts.filter(([count, what]) => count > 0 || what === 'indexed');
  const lines = [`${told.map(([count, what]) => `${count} ${what}`).join(', ')}.`];
  if (failed.length > 0) lines.push('', ...formatTable(failed.slice(0, LISTED)));
  if (failed.length > LISTED)
    lines.push(`… and ${failed.length - LISTED} more: GET /api/knowledge/batches/{id}/items?status=failed`);
  return { text: lines.join('\n'), hasFailures: failed.length > 0 || facts[2][0] > 0 };
}

async function listFailures(client: SluiceClient, id: string): Promise<LocalFailure[]> {
  const failures: LocalFailure[] = [];
  for (const status of ['refused', 'failed'] as const)
    for await (const { filename, error } of client.batches.items(id, { status }))
      failures.push({ name: filename, code: error?.code ?? status, message: error?.message ?? '' });
  return failures;
}

function formatTable(failures: readonly LocalFailure[]): string[] {
  const rows = [{ name: 'FILE', code: 'CODE', message: 'WHY' }, ...failures];
  const nameWidth = Math.max(...rows.map(({ name }) => widthOf(name)));
  const codeWidth = Math.max(...rows.map(({ code }) => code.length));
  return rows.map(
    ({ name, code, message }) =>
      `${name}${' '.repeat(nameWidth - widthOf(name))}  ${code.padEnd(codeWidth)}  ${message}`,
  );
}

/** Columns of a terminal: Chinese, Japanese and Korean characters take two. */
function widthOf(text: string): number {
  const wide = text.match(
    /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3000-\u303f\uff01-\uff60]/gu,
  );
  return Array.from(text).length + (wide?.length ?? 0);
}
