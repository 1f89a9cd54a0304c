import type { BatchAddress, StoredBatch } from '@sluice/shared/batches/batches';
import { settleItem } from '@sluice/shared/batches/settle';
import type { BatchItem } from '@sluice/shared/contracts/batches';
import { ingestJobId } from '@sluice/shared/contracts/jobs';
import type { Document } from '@sluice/shared/contracts/knowledge';
import { SluiceError } from '@sluice/shared/errors';
import { inSpan } from '@sluice/shared/tracing/spans';
import type { GatewayDeps } from './context.ts';
import { admit, enqueueIngest, keepDocument, originalOf } from './uploads.ts';
import type { Uploader } from './uploads.ts';

/** Items that are fed at the same time. */
const FED_AT_ONCE = 50;

/** Items that are given another turn at the same time. */
const RETRIED_AT_ONCE = 500;
/** Errors of items whose bytes must be sent again; see `batches/add.lua`. */
const NEVER_KEPT = new Set(['upload_lost', 'storage_unavailable']);

/** An item that became a version of a document. */
export interface FedItem extends BatchItem {
  document_id: string;
  version: number;
}

/**
 * Moves what waits in a batch into the ingest queue, as far as its window has room. Safe to do twice and from several
 * gateways; what a crash leaves of it, `repairBatch` mends.
 */
export async function feedBatch(deps: GatewayDeps, stored: StoredBatch): Promise<void> {
  for (;;) {
    const items = await deps.batches.take(stored.address, {
      window: deps.settings.batchWindow,
      count: FED_AT_ONCE,
    });
    const fed = await Promise.all(items.filter(hasDocument).map((item) => feedItem(deps, stored, item)));
    if (items.length < FED_AT_ONCE || fed.includes('later')) return;
  }
}

/** Puts the job of an item into the queue. Idempotent. */
export async function feedItem(
  deps: GatewayDeps,
  stored: StoredBatch,
  item: FedItem,
): Promise<'fed' | 'later'> {
  const { address } = stored;
  const document = await findDocument(deps, address, item);
  if (!document) return 'fed';
  const uploader = creatorOf(stored);
  try {
    const place = await admit(deps, uploader, document);
    // A trace for each document, which points at the request that created the batch: one of 100,000 documents is unusable.
    await inSpan(
      'feed',
      {
        root: true,
        links: [stored.origin.traceparent],
        attributes: { 'sluice.tenant': address.tenant, 'sluice.batch.id': address.id },
      },
      () => enqueueIngest(deps, uploader, document, place, item.id),
    );
    return 'fed';
  } catch (error) {
    if (!isBacklogFull(error)) throw error;
    await deps.batches.move(address, item.id, { from: ['queued'], to: 'pending' });
    return 'later';
  }
}

/**
 * The document of an item, registered and kept: where the item is given another turn, this makes the next version.
 *
 * @returns undefined when the document has ended, and the item with it
 */
async function findDocument(
  deps: GatewayDeps,
  batch: BatchAddress,
  { id: item, document_id: documentId, version }: FedItem,
): Promise<Document | undefined> {
  const document = await settleItem(deps, { batch, item, documentId, version });
  if (!document || document.version === version) return document;
  const next = { ...deps.documents.nextVersion(document), batch: batch.id };
  const isNext = next.version === version && document.status === 'failed';
  const isKept =
    isNext &&
    (await keepDocument(deps, next, document, (key) => deps.blobs.copy(originalOf(document), key)).catch(
      (error: unknown) => {
        // The document says that it failed; if it does not, Redis is away, and the item is found again.
        deps.logger.warn({ err: error, document_id: documentId }, 'could not give a document another turn');
        return false;
      },
    ));
  if (isKept) return next;
  await settleItem(deps, { batch, item, documentId, version });
  return undefined;
}

/**
 * Gives what failed another turn, each as the next version that its document has by now; only what was never kept has
 * nothing to try again with, and stays.
 *
 * @throws {RequestError} 409 `batch_ended` when it was cancelled
 */
export async function retryFailed(deps: GatewayDeps, { address }: StoredBatch): Promise<void> {
  let cursor: number | undefined;
  do {
    const page = await deps.batches.items(address, { statuses: ['failed'], limit: RETRIED_AT_ONCE, cursor });
    const items = page.items.filter(hasDocument).filter(({ error }) => !NEVER_KEPT.has(error?.code ?? ''));
    const turns = items.map(async ({ id, document_id, version }) => {
      const document = await deps.documents.find(address.tenant, document_id);
      const isOnItsWay = document !== undefined && document.status !== 'failed';
      return { id, version: (document?.version ?? version) + (isOnItsWay ? 0 : 1) };
    });
    await deps.batches.retry(address, await Promise.all(turns));
    cursor = page.next_cursor === undefined ? undefined : Number(page.next_cursor);
  } while (cursor !== undefined);
}

/** Takes a waiting item out of the queue and back into its batch; one that a worker has goes on. */
export async function withdrawItem(deps: GatewayDeps, stored: StoredBatch, item: FedItem): Promise<void> {
  const { address } = stored;
  const { document_id: documentId, version } = item;
  if (!(await settleItem(deps, { batch: address, item: item.id, documentId, version }))) return;
  const job = ingestJobId({ id: documentId, version });
  const removed = await deps.ingest.queue.remove(job);
  if (!removed && (await deps.ingest.queue.state(job)) !== 'gone') return;
  await deps.ingest.admission.close([{ tenant: address.tenant, caller: stored.origin.caller, id: job }]);
  await deps.batches.move(address, item.id, { from: ['queued'], to: 'pending' });
}

/** Whoever created the batch. */
export function creatorOf({ address, origin }: StoredBatch): Uploader {
  return { tenant: address.tenant, requestId: origin.request_id, address: origin.caller };
}

/** Whether an item has become a document; one that was refused has not. */
export function hasDocument(item: BatchItem): item is FedItem {
  return item.document_id !== undefined && item.version !== undefined;
}

function isBacklogFull(error: unknown): boolean {
  return error instanceof SluiceError && (error.code === 'overloaded' || error.code === 'too_many_waiting');
}
