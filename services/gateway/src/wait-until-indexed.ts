import type { Document } from '@sluice/shared/contracts/knowledge';
import { DOCUMENT_ERROR_STATUS, SluiceError } from '@sluice/shared/errors';
import { followLog } from '@sluice/shared/event-log/reader';
import type { GatewayDeps } from './context.ts';
import { documentLog } from './document-log.ts';
import { failureError } from './renderers/json.ts';

/**
 * Waits until a document is ready, at most `seconds`, or until the client has `gone` or this gateway must end.
 *
 * @returns the document as it is then
 * @throws {SluiceError} with the document's error when its ingestion has failed
 */
export async function waitUntilIndexed(
  deps: GatewayDeps,
  document: Document,
  seconds: number,
  gone: AbortSignal,
): Promise<Document> {
  const { tenant, id } = document;
  if (document.status !== 'ready') {
    const log = await documentLog(deps, document);
    const signal = AbortSignal.any([gone, deps.drain.deadline, AbortSignal.timeout(seconds * 1_000)]);
    for await (const batch of followLog({ redis: deps.reads, doorbell: deps.doorbell }, log, { signal })) {
      const end = batch.at(-1)?.record;
      if (end?.type === 'failed') throw ingestError(end.code, end.error);
    }
  }
  return deps.documents.get(tenant, id);
}

function ingestError(code: string, message: string): SluiceError {
  const status = Object.hasOwn(DOCUMENT_ERROR_STATUS, code)
    ? DOCUMENT_ERROR_STATUS[code as keyof typeof DOCUMENT_ERROR_STATUS]
    : undefined;
  return status === undefined ? failureError(code, message) : new SluiceError(status, code, message);
}
