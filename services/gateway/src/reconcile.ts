import { setTimeout as delay } from 'node:timers/promises';
import { ingestJobId } from '@sluice/shared/contracts/jobs';
import type { Document } from '@sluice/shared/contracts/knowledge';
import { failUnsettled, isVersionWanted } from '@sluice/shared/documents';
import { UnavailableError } from '@sluice/shared/errors';
import { DEFAULT_TENANT } from '@sluice/shared/redis/keys';
import type { GatewayDeps } from './context.ts';
import { isTended } from './lost-jobs.ts';
import { reingest } from './uploads.ts';
import { LOST } from './wards.ts';

const PAGE = 200;
/** A document that nothing has happened to for so long should have a job. */
const STUCK_MS = 10 * 60_000;
/** A job may be between two of its queue's sets for a moment. */
const SECOND_LOOK_MS = 1_000;
const RECONCILER = { tenant: DEFAULT_TENANT, requestId: 'reconciler', address: 'reconciler' };

/** What was found and mended. */
export interface Reconciled {
  /** Versions whose points nobody needs any more; they are deleted. */
  orphaned: number;
  /** Documents whose points are not all there; they are ingested again. */
  incomplete: number;
  /** Documents on their way without a job; they have failed. */
  lost: number;
}

/**
 * Compares the registry with the vector store, and mends what crashes and losses left on either side. It is safe at any
 * time, beside whatever else is done.
 */
export async function reconcile(deps: GatewayDeps, signal?: AbortSignal): Promise<Reconciled> {
  // A registry without any document has more likely been lost than emptied: its points may still be wanted.
  const { total } = await deps.documents.list(DEFAULT_TENANT, { limit: 1 });
  if (total === 0) return { orphaned: 0, incomplete: 0, lost: 0 };
  const orphaned = await deleteOrphans(deps, signal);
  const found = { orphaned, incomplete: 0, lost: 0 };
  for await (const document of listAll(deps)) {
    signal?.throwIfAborted();
    if (await isIncomplete(deps, document)) {
      await ingestAgain(deps, document);
      found.incomplete += 1;
    } else if (await isLost(deps, document)) {
      await failUnsettled(deps.documents, document.tenant, ingestJobId(document), {
        code: 'worker_lost',
        message: LOST,
      });
      found.lost += 1;
    }
  }
  return found;
}

/** What is away will be back; a document whose bytes are gone fails, and holds up no other. */
async function ingestAgain(deps: GatewayDeps, document: Document): Promise<void> {
  try {
    await reingest(deps, RECONCILER, document);
  } catch (error) {
    if (error instanceof UnavailableError) throw error;
    deps.logger.warn({ err: error, document_id: document.id }, 'could not ingest a document again');
  }
}

async function deleteOrphans(
  { store, documents }: Pick<GatewayDeps, 'store' | 'documents'>,
  signal?: AbortSignal,
): Promise<number> {
  const vectors = store.forTenant(DEFAULT_TENANT);
  let orphaned = 0;
  for await (const { documentId, version } of vectors.versions()) {
    signal?.throwIfAborted();
    const document = await documents.find(DEFAULT_TENANT, documentId);
    if (document && isVersionWanted(document, version)) continue;
    await vectors.deleteDocument(documentId, version);
    orphaned += 1;
  }
  return orphaned;
}

async function* listAll({ documents }: Pick<GatewayDeps, 'documents'>): AsyncGenerator<Document, void, void> {
  let cursor: string | undefined;
  do {
    const page = await documents.list(DEFAULT_TENANT, { limit: PAGE, cursor });
    yield* page.documents;
    cursor = page.next_cursor;
  } while (cursor !== undefined);
}

async function isIncomplete(
  { store, documents }: Pick<GatewayDeps, 'store' | 'documents'>,
  { tenant, id, status, version, indexed_version, chunks }: Document,
): Promise<boolean> {
  if (status !== 'ready' || indexed_version === undefined || chunks === undefined) return false;
  if ((await store.forTenant(tenant).count(id, indexed_version)) === chunks) return false;
  // It may have been replaced or deleted between the two reads.
  const now = await documents.find(tenant, id);
  return now?.version === version && now.status === 'ready';
}

async function isLost(
  { ingest, batches }: Pick<GatewayDeps, 'ingest' | 'batches'>,
  document: Document,
): Promise<boolean> {
  if (document.status === 'ready' || document.status === 'failed') return false;
  if (Date.now() - Date.parse(document.updated_at) < STUCK_MS) return false;
  if (await isTended({ batches }, document)) return false;
  const isGone = async () => (await ingest.queue.state(ingestJobId(document))) === 'gone';
  if (!(await isGone())) return false;
  await delay(SECOND_LOOK_MS);
  return isGone();
}
