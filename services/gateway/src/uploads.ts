import { rm } from 'node:fs/promises';
import type { Applicant, Place } from '@sluice/shared/admission/admission';
import { blobKeys } from '@sluice/shared/blob-store';
import { ingestJobId } from '@sluice/shared/contracts/jobs';
import type { Document, Metadata } from '@sluice/shared/contracts/knowledge';
import { checkContent, documentTypeOf } from '@sluice/shared/document-type';
import { DocumentError } from '@sluice/shared/errors';
import type { Plan, Upload } from '@sluice/shared/documents';
import { closeLog, createLog } from '@sluice/shared/event-log/log';
import { labelsOf } from '@sluice/shared/metadata';
import { isRedisAway, redisUnavailable } from '@sluice/shared/redis/connection';
import type { GatewayDeps } from './context.ts';
import { isArchive } from './expand-zip.ts';
import { isTended } from './lost-jobs.ts';
import type { ReceivedFile } from './receive-files.ts';

/** Who uploads. */
export interface Uploader {
  tenant: string;
  requestId: string;
  address: string;
}

/** What the uploader says of a file. */
export type UploadOptions = Pick<Upload, 'collection' | 'external_id' | 'metadata' | 'replace' | 'batch'>;

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
 * @throws {RequestError} `unknown_collection`
 * @throws {UnavailableError} `redis_unavailable`: nothing was accepted
 */
export async function acceptUpload(
  deps: GatewayDeps,
  uploader: Uploader,
  file: ReceivedFile,
  options: UploadOptions,
): Promise<AcceptedUpload> {
  try {
    const upload = await describeUpload(deps, uploader, file, options);
    return await submit(deps, uploader, upload, (key) => deps.blobs.putFile(key, file.path));
  } catch (error) {
    throw isRedisAway(error) ? redisUnavailable(error) : error;
  } finally {
    await rm(file.path, { force: true });
  }
}

/**
 * Ingests the bytes of a document again, as its next version: after its collection's settings have changed, or when it
 * failed for a reason that has passed.
 *
 * @throws {UnavailableError} `redis_unavailable`: nothing was accepted
 */
export async function reingest(deps: GatewayDeps, uploader: Uploader, previous: Document): Promise<Document> {
  try {
    const document = deps.documents.nextVersion(previous);
    const accepted = await take(deps, uploader, { outcome: 'version', document, previous }, (key) =>
      deps.blobs.copy(originalOf(previous), key),
    );
    return accepted ?? (await deps.documents.get(previous.tenant, previous.id));
  } catch (error) {
    throw isRedisAway(error) ? redisUnavailable(error) : error;
  }
}

/** @throws {DocumentError} when the file is refused, {RequestError} `unknown_collection` */
export async function describeUpload(
  deps: Pick<GatewayDeps, 'collections'>,
  { tenant }: Pick<Uploader, 'tenant'>,
  { filename, path, bytes, hash, refusal }: ReceivedFile,
  options: UploadOptions,
): Promise<Upload> {
  if (refusal) throw refusal;
  if (isArchive(filename))
    throw new DocumentError(
      'unsupported_type',
      'Archives are unpacked in batches only. Send it to POST /api/knowledge/batches.',
    );
  const type = documentTypeOf(filename);
  await checkContent(type, path);
  await deps.collections.get(tenant, options.collection);
  return { tenant, filename, bytes, hash, type, ...options };
}

/** Puts the bytes of a document into the blob store under a key. */
export type PutOriginal = (key: string) => Promise<void>;

async function submit(
  deps: GatewayDeps,
  uploader: Uploader,
  upload: Upload,
  putOriginal: PutOriginal,
): Promise<AcceptedUpload> {
  for (;;) {
    const plan = await deps.documents.plan(upload);
    if (plan.outcome === 'duplicate') {
      await mend(deps, uploader, plan.document, putOriginal);
      return { document: plan.document, duplicate: true };
    }
    const document = await take(deps, uploader, plan, putOriginal);
    if (document) return { document, duplicate: false };
  }
}

/** A crash between registering and enqueueing leaves a document without a job: the same bytes again mend it. */
async function mend(
  deps: GatewayDeps,
  uploader: Uploader,
  document: Document,
  putOriginal: PutOriginal,
): Promise<void> {
  if (document.status !== 'queued' || (await isTended(deps, document))) return;
  const state = await deps.ingest.queue.state(ingestJobId(document));
  if (state !== 'gone') return;
  await putOriginal(originalOf(document));
  await enqueueIngest(deps, uploader, document, await admit(deps, uploader, document));
}

/**
 * Registers, keeps and enqueues what was planned.
 *
 * @returns undefined when the plan no longer holds
 */
async function take(
  deps: GatewayDeps,
  uploader: Uploader,
  { document, previous }: Extract<Plan, { outcome: 'created' | 'version' }>,
  putOriginal: PutOriginal,
): Promise<Document | undefined> {
  // Before anything is kept: a full backlog or a dead Redis refuses the upload whole.
  const place = await admit(deps, uploader, document);
  let isKept = false;
  try {
    isKept = await keepDocument(deps, document, previous, putOriginal);
  } finally {
    if (!isKept) await deps.ingest.admission.close([applicantOf(uploader, document)]);
  }
  if (!isKept) return undefined;
  await enqueueIngest(deps, uploader, document, place);
  return document;
}

/**
 * Registers a document or version and keeps its bytes; nothing is enqueued yet.
 *
 * @returns false when somebody else has come first: nothing was kept
 */
export async function keepDocument(
  deps: Pick<GatewayDeps, 'documents' | 'blobs'>,
  document: Document,
  previous: Document | undefined,
  putOriginal: PutOriginal,
): Promise<boolean> {
  if (!(await deps.documents.register(document, previous))) return false;
  try {
    await putOriginal(originalOf(document));
  } catch (error) {
    const message = 'The file could not be stored. Upload it again.';
    await deps.documents.update(
      document.tenant,
      document.id,
      { version: document.version, attempt: 0 },
      { status: 'failed', error: { code: 'storage_unavailable', message } },
    );
    throw error;
  }
  return true;
}

/** Where the bytes of a version are kept. */
export function originalOf({ tenant, id, version }: Document): string {
  return blobKeys.original(tenant, id, version);
}

function applicantOf({ address }: Uploader, document: Document): Applicant {
  return { tenant: document.tenant, caller: address, id: ingestJobId(document) };
}

/** A place in the backlog for the job of a document. */
export async function admit(deps: GatewayDeps, uploader: Uploader, document: Document): Promise<Place> {
  return deps.ingest.admission.admit(applicantOf(uploader, document), deps.ingest.limits);
}

/**
 * Idempotent: a log and a job that are there already stay as they are.
 *
 * @param item the file of the document's batch, if it has one
 */
export async function enqueueIngest(
  deps: GatewayDeps,
  uploader: Uploader,
  document: Document,
  place: Place,
  item?: string,
): Promise<void> {
  const { tenant, version, filename, type, collection, metadata, batch } = document;
  const { retentionMs } = deps.settings;
  const id = ingestJobId(document);
  await createLog(
    deps.commands,
    { tenant, jobId: id, retentionMs },
    { type: 'queued', position: place.position },
  );
  const chunking = await deps.collections.chunkingOf(tenant, collection, type);
  const job = {
    tenant,
    id,
    caller: uploader.address,
    request_id: uploader.requestId,
    retention_ms: retentionMs,
    document_id: document.id,
    version,
    filename,
    type,
    collection,
    labels: labelsOf(metadata),
    ...(chunking && { chunking }),
    ...(batch !== undefined && item !== undefined && { batch: { id: batch, item } }),
    blob_key: originalOf(document),
  };
  await deps.ingest.queue.add(job, place.turn);
}

/** Gives a document other metadata, also where it is indexed already. */
export async function describeDocument(
  deps: Pick<GatewayDeps, 'documents' | 'store'>,
  { tenant, id }: Document,
  metadata: Metadata,
): Promise<Document> {
  await deps.documents.describe(tenant, id, metadata);
  await deps.store.forTenant(tenant).relabel(id, labelsOf(metadata));
  return deps.documents.get(tenant, id);
}

/**
 * Deletes a document everywhere. It is retired first: from then on it is not found, its bytes may be uploaded anew, and
 * a worker that has it learns that it is gone and removes what it wrote. What a crash leaves of a retired document, the
 * reaper deletes.
 *
 * @returns false when somebody has deleted it before, or it has another version by now
 */
export async function deleteDocument(deps: GatewayDeps, document: Document): Promise<boolean> {
  const { tenant, id } = document;
  if (!(await deps.documents.retire(document))) return false;
  const jobId = ingestJobId(document);
  await closeLog(deps.commands, { tenant, jobId }, { type: 'cancelled' });
  await deps.ingest.queue.remove(jobId);
  try {
    await deleteRetired(deps, tenant, id);
  } catch (error) {
    // A worker that writes at this moment makes its folder undeletable; the reaper comes back for it.
    deps.logger.info({ err: error, document_id: id }, 'left the rest of a deleted document to the reaper');
  }
  return true;
}

/** Deletes a document by its id. Whoever uploads a version meanwhile has the deletion begin anew with that one. @throws {RequestError} 404 */
export async function deleteNewest(deps: GatewayDeps, tenant: string, id: string): Promise<void> {
  while (!(await deleteDocument(deps, await deps.documents.get(tenant, id))));
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
