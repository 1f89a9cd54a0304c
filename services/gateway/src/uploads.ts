import { rm } from 'node:fs/promises';
import { v7 as uuidv7 } from 'uuid';
import { blobKeys } from '@sluice/shared/blob-store';
import type { Document } from '@sluice/shared/contracts/knowledge';
import { checkContent, documentTypeOf } from '@sluice/shared/document-type';
import { createLog, readLastEntry } from '@sluice/shared/event-log/log';
import { isRedisAway, redisUnavailable } from '@sluice/shared/redis/connection';
import type { GatewayDeps } from './context.ts';
import type { ReceivedFile } from './receive-files.ts';

/** How long a document may wait for a worker before its log expires; a night's backlog is well within it. */
const QUEUED_RETENTION_MS = 7 * 86_400_000;

/** Who uploads. */
export interface Uploader {
  tenant: string;
  requestId: string;
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
    await deps.blobs.putFile(blobKeys.original(document.tenant, document.id, document.version), file.path);
    return await registerDocument(deps, uploader, document);
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
): Promise<AcceptedUpload> {
  const registered = await deps.documents.register(document);
  if (!registered.created && registered.document.status === 'failed') {
    // The bytes failed before, perhaps for a passing reason: they get a new start under a new id.
    await deleteDocument(deps, registered.document);
    return registerDocument(deps, uploader, document);
  }
  if (!registered.created) await deps.blobs.deleteAll(blobKeys.document(document.tenant, document.id));
  if (registered.document.status === 'queued') await enqueueIngest(deps, uploader, registered.document);
  return { document: registered.document, duplicate: !registered.created };
}

/** Idempotent: a job that is there already stays as it is. */
async function enqueueIngest(deps: GatewayDeps, uploader: Uploader, document: Document): Promise<void> {
  const { tenant, id, version, filename, type } = document;
  const log = { tenant, jobId: id, retentionMs: QUEUED_RETENTION_MS };
  if (!(await readLastEntry(deps.commands, log))) {
    await createLog(deps.commands, log, { type: 'queued', position: await deps.ingests.waiting() });
  }
  await deps.ingests.add({
    tenant,
    id,
    request_id: uploader.requestId,
    version,
    filename,
    type,
    blob_key: blobKeys.original(tenant, id, version),
  });
}

/**
 * Deletes a document everywhere. Its registry entry goes last, so that a delete which broke off can be repeated.
 * A worker that is still ingesting it finds it gone and removes what it wrote.
 */
export async function deleteDocument(
  deps: Pick<GatewayDeps, 'store' | 'blobs' | 'documents'>,
  document: Document,
): Promise<void> {
  await deps.store.forTenant(document.tenant).deleteDocument(document.id);
  await deps.blobs.deleteAll(blobKeys.document(document.tenant, document.id));
  await deps.documents.remove(document);
}
