import type { Document } from '../contracts/knowledge.ts';
import type { DocumentRegistry } from '../documents.ts';
import { ON_THE_WAY } from './batches.ts';
import type { BatchAddress, BatchRegistry } from './batches.ts';

/** A file of a batch, as the version of a document that it became. */
export interface BatchDocument {
  batch: BatchAddress;
  item: string;
  documentId: string;
  version: number;
}

/**
 * Gives an item the end of its document, if that has one. Does it once, whoever does it again.
 *
 * @returns the document that has not ended, at this version or, before the item's turn, the one before; or undefined
 */
export async function settleItem(
  { batches, documents }: { batches: BatchRegistry; documents: DocumentRegistry },
  { batch, item, documentId, version }: BatchDocument,
): Promise<Document | undefined> {
  const from = ON_THE_WAY;
  const document = await documents.find(batch.tenant, documentId);
  if (!document) {
    const error = { code: 'deleted', message: 'The document was deleted before it was indexed.' };
    await batches.move(batch, item, { from, to: 'cancelled', version, set: { error } });
    return undefined;
  }
  if (document.version > version) {
    const error = {
      code: 'superseded',
      message: 'A newer version of the document came before it was indexed.',
    };
    await batches.move(batch, item, { from, to: 'cancelled', version, set: { error } });
    return undefined;
  }
  if (document.version < version) return document;
  if (document.status === 'ready') {
    await batches.move(batch, item, { from, to: 'ready', version });
    return undefined;
  }
  if (document.status === 'failed') {
    const error = document.error ?? { code: 'internal_error', message: 'The document could not be read.' };
    await batches.move(batch, item, { from, to: 'failed', version, set: { error } });
    return undefined;
  }
  return document;
}
