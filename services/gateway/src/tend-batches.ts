import { ON_THE_WAY } from '@sluice/shared/batches/batches';
import type { StoredBatch } from '@sluice/shared/batches/batches';
import { settleItem } from '@sluice/shared/batches/settle';
import { ingestJobId } from '@sluice/shared/contracts/jobs';
import { failUnsettled } from '@sluice/shared/documents';
import { closeLog } from '@sluice/shared/event-log/log';
import { DEFAULT_TENANT } from '@sluice/shared/redis/keys';
import type { GatewayDeps } from './context.ts';
import { feedBatch, feedItem, hasDocument, withdrawItem } from './feed-batches.ts';
import type { FedItem } from './feed-batches.ts';
import { deleteDocument } from './uploads.ts';
import { RECEIPT_MS } from './wards.ts';

/** Items that are dropped or withdrawn in one turn, and at the same time. */
const TURN = 500;
const AT_ONCE = 25;
/** A batch to which nothing was added for so long is closed. */
const IDLE_MS = 86_400_000;

/**
 * Moves every batch on: feeds it, or takes back what a pause or cancel left in the queue. One gateway does it at every
 * turn of its reaper.
 *
 * @param options.repair whether to look for what crashes left, too
 */
export async function tendBatches(deps: GatewayDeps, options: { repair: boolean }): Promise<void> {
  for (const id of await deps.batches.active(DEFAULT_TENANT)) {
    const address = { tenant: DEFAULT_TENANT, id };
    try {
      const stored = await deps.batches.find(address);
      if (!stored || stored.batch.ended_at !== undefined) await deps.batches.deactivate(address);
      else await tendBatch(deps, stored, options);
    } catch (error) {
      deps.logger.warn({ err: error, batch_id: id }, 'could not move a batch on: will be tried again');
    }
  }
}

async function tendBatch(
  deps: GatewayDeps,
  stored: StoredBatch,
  { repair }: { repair: boolean },
): Promise<void> {
  if (stored.batch.state === 'cancelling') return dropRest(deps, stored);
  if (stored.batch.state === 'paused') return withdrawQueued(deps, stored);
  if (repair) await repairBatch(deps, stored);
  await feedBatch(deps, stored);
}

/** Takes what waits in the queue back into a paused batch. */
export async function withdrawQueued(deps: GatewayDeps, stored: StoredBatch): Promise<void> {
  const { items } = await deps.batches.items(stored.address, { statuses: ['queued'], limit: TURN });
  await forEach(items.filter(hasDocument), (item) => withdrawItem(deps, stored, item));
}

/** Drops what is left of a cancelled batch, a bounded number at a time; its documents' logs end. */
export async function dropRest(deps: GatewayDeps, stored: StoredBatch): Promise<void> {
  const { items } = await deps.batches.items(stored.address, { statuses: ON_THE_WAY, limit: TURN });
  await forEach(items.filter(hasDocument), (item) => dropItem(deps, stored, item));
  await endLostReceipts(deps, stored);
}

/**
 * A document that was never searchable goes. One that replaces another stays what it was: its earlier version serves on.
 */
async function dropItem(deps: GatewayDeps, { address }: StoredBatch, item: FedItem): Promise<void> {
  const { document_id: documentId, version } = item;
  const { tenant } = address;
  const document = await settleItem(deps, { batch: address, item: item.id, documentId, version });
  if (!document) return;
  if (document.version === version && document.indexed_version === undefined) {
    // With another version by now it is somebody else's; the next turn settles the item.
    if (!(await deleteDocument(deps, document))) return;
  } else if (document.version === version) {
    const jobId = ingestJobId(document);
    const message = 'The batch was cancelled before this version was indexed.';
    await failUnsettled(deps.documents, tenant, jobId, { code: 'cancelled', message });
    await closeLog(deps.commands, { tenant, jobId }, { type: 'cancelled' });
    await deps.ingest.queue.remove(jobId);
  }
  await deps.batches.move(address, item.id, { from: ON_THE_WAY, to: 'cancelled' });
}

/**
 * Mends what crashes left: ends of documents that were not noted, items on their way whose jobs are not there, files
 * that were never received, and batches that nobody closed.
 */
async function repairBatch(deps: GatewayDeps, stored: StoredBatch): Promise<void> {
  const { address } = stored;
  const limit = deps.settings.batchWindow;
  const { items } = await deps.batches.items(address, { statuses: ['queued', 'processing'], limit });
  await forEach(items.filter(hasDocument), async (item) => {
    const { document_id: documentId, version } = item;
    if (!(await settleItem(deps, { batch: address, item: item.id, documentId, version }))) return;
    if ((await deps.ingest.queue.state(ingestJobId({ id: documentId, version }))) !== 'gone') return;
    await feedItem(deps, stored, item);
  });
  await endLostReceipts(deps, stored);
  if (stored.batch.open) await deps.batches.closeWhenIdle(address, IDLE_MS);
}

/** Ends items whose gateway died while it kept their bytes. */
async function endLostReceipts(deps: GatewayDeps, { address }: StoredBatch): Promise<void> {
  const { items } = await deps.batches.items(address, { statuses: ['receiving'], limit: TURN });
  await forEach(items.filter(hasDocument), (item) => endLostReceipt(deps, address, item));
}

async function endLostReceipt(
  deps: GatewayDeps,
  address: StoredBatch['address'],
  { id, document_id: documentId, version, added_at }: FedItem,
): Promise<void> {
  const { tenant } = address;
  if (Date.now() - Date.parse(added_at) < RECEIPT_MS) return;
  const error = { code: 'upload_lost', message: 'The upload was interrupted. Upload the file again.' };
  const owner = { version, attempt: 0 };
  await deps.documents.update(tenant, documentId, owner, { status: 'failed', error });
  await deps.batches.move(address, id, { from: ['receiving'], to: 'failed', version, set: { error } });
}

async function forEach(items: readonly FedItem[], work: (item: FedItem) => Promise<unknown>): Promise<void> {
  const left = items.values();
  const next = async () => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
}
