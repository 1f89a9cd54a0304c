import { ingestedBy } from '@sluice/shared/contracts/jobs';
import type { Document } from '@sluice/shared/contracts/knowledge';
import type { GatewayDeps } from './context.ts';
import { listWards, LOST } from './wards.ts';

/**
 * Ends a log that somebody follows and nobody will end: its queue has lost the job, and the backlog with it, so that the
 * reaper does not know of it. Looks when the log has been silent for long, and believes it the second time, since a job
 * may be between two of its queue's sets for a moment.
 */
export function endWhenLost(
  deps: GatewayDeps,
  { tenant, jobId }: { tenant: string; jobId: string },
): (silentMs: number) => Promise<void> {
  let isSuspect = false;
  const look = async () => {
    const wards = listWards(deps).filter(({ prefix }) => jobId.startsWith(prefix));
    const states = await Promise.all(wards.map(({ queue }) => queue.state(jobId)));
    const isGone = states.every((state) => state === 'gone') && !(await isInBatch(deps, tenant, jobId));
    if (isGone && isSuspect) await wards[0]?.giveUp({ tenant, id: jobId }, 'worker_lost', LOST);
    isSuspect = isGone;
  };
  return async (silentMs) => {
    if (silentMs < deps.settings.noWorkerMs) return;
    await look().catch((error: unknown) =>
      deps.logger.debug({ err: error }, 'could not look for a lost job'),
    );
  };
}

async function isInBatch(deps: GatewayDeps, tenant: string, jobId: string): Promise<boolean> {
  if (!jobId.startsWith('doc_')) return false;
  const document = await deps.documents.find(tenant, ingestedBy(jobId).documentId);
  return document !== undefined && isTended(deps, document);
}

/** A document without a job may wait in a batch, paused or long, which is looked after until it ends. */
export async function isTended(
  { batches }: Pick<GatewayDeps, 'batches'>,
  { tenant, batch }: Document,
): Promise<boolean> {
  if (batch === undefined) return false;
  const stored = await batches.find({ tenant, id: batch });
  return stored !== undefined && stored.batch.ended_at === undefined;
}
