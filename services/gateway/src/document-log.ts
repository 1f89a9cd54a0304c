import { ingestJobId } from '@sluice/shared/contracts/jobs';
import type { Document } from '@sluice/shared/contracts/knowledge';
import { createLog } from '@sluice/shared/event-log/log';
import type { GatewayDeps } from './context.ts';

/** Where the ingestion of a document's newest version is told. One that waits in a batch has no log until it is asked for. */
export async function documentLog(
  { commands, settings }: Pick<GatewayDeps, 'commands' | 'settings'>,
  document: Document,
): Promise<{ tenant: string; jobId: string }> {
  const log = { tenant: document.tenant, jobId: ingestJobId(document) };
  const { retentionMs } = settings;
  if (document.status === 'queued')
    await createLog(commands, { ...log, retentionMs }, { type: 'queued', position: 0 });
  return log;
}
