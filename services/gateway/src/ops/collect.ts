import type { JobName } from '@sluice/shared/contracts/jobs';
import type { OpsQueue, OpsSnapshot } from '@sluice/shared/contracts/ops';
import { readFailures } from '@sluice/shared/documents/failures';
import { readHeartbeats } from '@sluice/shared/ops/heartbeat';
import type { SeenProcess } from '@sluice/shared/ops/heartbeat';
import { readRecentErrors } from '@sluice/shared/ops/recent-errors';
import { readUsage } from '@sluice/shared/ops/usage';
import { DEFAULT_TENANT } from '@sluice/shared/redis/keys';
import type { GatewayDeps, Lane } from '../context.ts';
import { lookAtBacklog } from '../look-at-backlog.ts';
import { findTroubles } from './findings.ts';
import {
  summarizeChat,
  summarizeIngest,
  summarizeProcesses,
  summarizeStreams,
  summarizeWorkers,
} from './summarize.ts';

const MAX_ERRORS = 50;
const MAX_FAILED = 50;
const MAX_BATCHES = 20;

/** What collecting needs. */
export type CollectDeps = Pick<GatewayDeps, 'commands' | 'lanes' | 'ingest' | 'documents' | 'batches'>;

/**
 * Looks at everything at once. It keeps nothing from one time to the next, so every gateway tells the same.
 *
 * @throws ioredis errors when Redis is away
 */
export async function collectSnapshot(deps: CollectDeps): Promise<OpsSnapshot> {
  const tenant = DEFAULT_TENANT;
  const seen = await readHeartbeats(deps.commands);
  const [queues, documents, failures, usage, batches, errors] = await Promise.all([
    Promise.all([
      lookAt('chat', deps.lanes.interactive, seen),
      lookAt('chat-background', deps.lanes.background, seen),
      lookAt('ingest', deps.ingest, seen),
    ]),
    deps.documents.counts(tenant),
    lookAtFailures(deps, tenant),
    readUsage(deps.commands, tenant),
    lookAtBatches(deps, tenant),
    readRecentErrors(deps.commands, MAX_ERRORS),
  ]);
  return {
    at: new Date().toISOString(),
    findings: findTroubles(queues),
    queues,
    processes: summarizeProcesses(seen),
    streams: summarizeStreams(seen),
    chat: summarizeChat(seen),
    ingest: { documents, ...summarizeIngest(seen), ...failures },
    tenants: [{ tenant, ...usage }],
    batches,
    errors,
  };
}

async function lookAt(
  name: JobName,
  lane: Parameters<typeof lookAtBacklog>[0] & { queue: Pick<Lane<JobName>['queue'], 'lost'> },
  seen: readonly SeenProcess[],
): Promise<OpsQueue> {
  const [{ jobs, oldestWaitSeconds }, lost] = await Promise.all([lookAtBacklog(lane), lane.queue.lost()]);
  return { name, jobs, lost, oldest_wait_seconds: oldestWaitSeconds, ...summarizeWorkers(seen, name) };
}

async function lookAtFailures(
  { commands, documents }: CollectDeps,
  tenant: string,
): Promise<Pick<OpsSnapshot['ingest'], 'failures' | 'failed'>> {
  const { codes, latest } = await readFailures(commands, documents, tenant, MAX_FAILED);
  const failed = latest.map(({ document, failedAt }) => ({
    id: document.id,
    tenant,
    version: document.version,
    filename: document.filename,
    collection: document.collection,
    type: document.type,
    bytes: document.bytes,
    code: document.error?.code ?? 'unknown',
    message: document.error?.message ?? '',
    failed_at: failedAt.toISOString(),
  }));
  return { failures: codes, failed };
}

async function lookAtBatches({ batches }: CollectDeps, tenant: string): Promise<OpsSnapshot['batches']> {
  const ids = await batches.active(tenant);
  // Their ids begin with the time: the newest first.
  const newest = ids.toSorted((a, b) => (a < b ? 1 : -1)).slice(0, MAX_BATCHES);
  const found = await Promise.all(newest.map((id) => batches.find({ tenant, id })));
  return found.flatMap((stored) => {
    if (!stored || stored.batch.ended_at !== undefined) return [];
    const { id, name, state, items, counts, estimated_seconds, created_at } = stored.batch;
    return {
      id,
      ...(name !== undefined && { name }),
      state,
      items,
      done: counts.ready + counts.duplicate,
      failed: counts.failed + counts.refused + counts.cancelled,
      ...(estimated_seconds !== undefined && { estimated_seconds }),
      created_at,
    };
  });
}
