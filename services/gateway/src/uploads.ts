import { rm } from 'node:fs/promises';
import { v7 as uuidv7 } from 'uuid';
import type { Place } from '@sluice/shared/admission/admission';
import { blobKeys } from '@sluice/shared/blob-store';
import type { Document } from '@sluice/shared/contracts/knowledge';
import { checkContent, documentTypeOf } from '@sluice/shared/document-type';
import { closeLog, createLog } from '@sluice/shared/event-log/log';
import { isRedisAway, redisUnavailable } from '@sluice/shared/redis/connection';
import type { GatewayDeps } from './context.ts';
import type { ReceivedFile } from './receive-files.ts';

/** Who uploads. */
export interface Uploader {
  tenant: string;
  requestId: string;
  address: string;
}

/** A document that the system has taken charge of. */
export interface AcceptedUpload {
  document: Document;
  /** The same bytes were here before; nothing is done again. */
  duplicate: boolean;
}

/**
 * Checks a received file, keeps it, registers it and enqueues its ingestion; or finds that its bytes are here already.
 * The temporary file is gone afterwards, whatever happened.
 *
 * @throws {DocumentError} when the file is refused
 * @throws {UnavailableError} `redis_unavailable`: nothing was accepted
 */
export async function acceptUpload(
  deps: GatewayDeps,
  uploader: Uploader,
  file: ReceivedFile,
): Promise<AcceptedUpload> {
  try {
    if (file.refusal) throw file.refusal;
    const type = documentTypeOf(file.filename);
    await checkContent(type, file.path);
    const document = describeDocument(uploader.tenant, file, type);
    // Before anything is kept: a full backlog or a dead Redis refuses the upload whole.
    const applicant = { tenant: uploader.tenant, caller: uploader.address, id: document.id };
    const place = await deps.ingest.admission.admit(applicant, deps.ingest.limits);
    await deps.blobs.putFile(blobKeys.original(document.tenant, document.id, document.version), file.path);
    return await registerDocument(deps, uploader, document, place);
  } catch (error) {
    throw isRedisAway(error) ? redisUnavailable(error) : error;
  } finally {
    await rm(file.path, { force: true });
  }
}

function describeDocument(tenant: string, file: ReceivedFile, type: Document['type']): Document {
  const now = new Date().toISOString();
  return {
    id: `doc_${uuidv7()}`,
    tenant,
    filename: file.filename,
    type,
    bytes: file.bytes,
    hash: file.hash,
    version: 1,
    status: 'queued',
    created_at: now,
    updated_at: now,
  };
}

/**
 * A crash between registering and enqueueing leaves a document without a job: uploading the same bytes again mends it.
 */
async function registerDocument(
  deps: GatewayDeps,
  uploader: Uploader,
  document: Document,
  place: Place,
): Promise<AcceptedUpload> {
  const registered = await deps.documents.register(document);
  if (registered.created) {
    await enqueueIngest(deps, uploader, document, place);
    return { document, duplicate: false };
  }
  if (registered.document.status === 'failed') {
    // The bytes failed before, perhaps for a passing reason: they get a new start under a new id.
    await deleteDocument(deps, registered.document);
    return registerDocument(deps, uploader, document, place);
  }
  const { tenant, id } = document;
  await deps.ingest.admission.leave({ tenant, caller: uploader.address, id }, 'dropped');
  await deps.blobs.deleteAll(blobKeys.document(tenant, id));
  if (registered.document.status === 'queued')
    await enqueueIngest(deps, uploader, registered.document, place);
  return { document: registered.document, duplicate: true };
}

/** Idempotent: a log and a job that are there already stay as they are. */
async function enqueueIngest(
  deps: GatewayDeps,
  uploader: Uploader,
  document: Document,
  place: Place,
): Promise<void> {
  const { tenant, id, version, filename, type } = document;
  const { retentionMs } = deps.settings;
  await createLog(
    deps.commands,
    { tenant, jobId: id, retentionMs },
    { type: 'queued', position: place.position },
  );
  const job = {
    tenant,
    id,
    caller: uploader.address,
    request_id: uploader.requestId,
    retention_ms: retentionMs,
    version,
    filename,
    type,
    blob_key: blobKeys.original(tenant, id, version),
  };
  await deps.ingest.queue.add(job, place.turn);
}

/**
 * Deletes a document everywhere. It is retired first: from then on it is not found, its bytes may be uploaded anew, and
 * a worker that has it learns that it is gone and removes what it wrote. What a crash leaves of a retired document, the
 * reaper deletes.
 */
export async function deleteDocument(deps: GatewayDeps, document: Document): Promise<void> {
  const { tenant, id } = document;
  if (!(await deps.documents.retire(document))) return;
  await closeLog(
    deps.commands,
    { tenant, jobId: id, retentionMs: deps.settings.retentionMs },
    { type: 'cancelled' },
  );
  await deps.ingest.queue.remove(id);
  await deps.store.forTenant(tenant).deleteDocument(id);
  try {
    await deleteRetired(deps, tenant, id);
  } catch (error) {
    // A worker that writes at this moment makes its folder undeletable; the reaper comes back for it.
    deps.logger.info({ err: error, job_id: id }, 'left the rest of a deleted document to the reaper');
  }
}

/** Deletes what is left of a retired document. Idempotent. */
export async function deleteRetired(
  deps: Pick<GatewayDeps, 'store' | 'blobs' | 'documents'>,
  tenant: string,
  id: string,
): Promise<void> {
  await deps.store.forTenant(tenant).deleteDocument(id);
  await deps.blobs.deleteAll(blobKeys.document(tenant, id));
  await deps.documents.forget(tenant, id);
}
