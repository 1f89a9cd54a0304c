import type { BatchRegistry } from '@sluice/shared/batches/batches';
import { settleItem } from '@sluice/shared/batches/settle';
import type { JobData } from '@sluice/shared/contracts/jobs';
import type { DocumentRegistry } from '@sluice/shared/documents';

/**
 * Does the job of a document, and tells its batch, if it has one, that it has begun and how it ended. What is not told
 * because this worker dies, the gateway's repair finds out from the document.
 */
export async function asBatchItem(
  registries: { batches: BatchRegistry; documents: DocumentRegistry },
  { tenant, batch, document_id: documentId, version }: JobData<'ingest'>,
  ingest: () => Promise<void>,
): Promise<void> {
  if (!batch) return ingest();
  const address = { tenant, id: batch.id };
  await registries.batches.move(address, batch.item, { from: ['queued'], to: 'processing', version });
  try {
    await ingest();
  } finally {
    await settleItem(registries, { batch: address, item: batch.item, documentId, version });
  }
}
