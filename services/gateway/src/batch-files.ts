import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { v5 as uuidv5 } from 'uuid';
import { BATCH_PREFIX } from '@sluice/shared/batches/origin';
import type { BatchAddress, StoredBatch } from '@sluice/shared/batches/batches';
import type { BatchItem, CreateBatch } from '@sluice/shared/contracts/batches';
import type { Document } from '@sluice/shared/contracts/knowledge';
import { documentTypeOf } from '@sluice/shared/document-type';
import type { Upload } from '@sluice/shared/documents';
import { RequestError, SluiceError } from '@sluice/shared/errors';
import { isRedisAway } from '@sluice/shared/redis/connection';
import type { GatewayDeps } from './context.ts';
import { expandZip, isArchive } from './expand-zip.ts';
import type { RefusedEntry } from './expand-zip.ts';
import { cleanFilename, cleanPath } from './receive-files.ts';
import type { ReceivedFile } from './receive-files.ts';
import { describeUpload, keepDocument, originalOf } from './uploads.ts';
import type { PutOriginal, UploadOptions } from './uploads.ts';

/** A file as it comes: received, or refused before it was. */
type IncomingFile = ReceivedFile | RefusedEntry;
type ManifestEntry = NonNullable<CreateBatch['manifest']>[number];

/** What of a file makes it the item that it is. */
interface FileIdentity {
  filename: string;
  bytes?: number;
  hash?: string;
}

/**
 * Takes a file into a batch; an archive is taken as the files in it. What is wrong with one is noted as its item and
 * does not touch the others. Taking the same file again changes nothing, whether or not the first time was seen through.
 * The temporary file is gone afterwards.
 *
 * @param file its `filename` may be a path
 * @returns the items, as they come
 * @throws {RequestError} `batch_closed`
 */
export async function* takeFile(
  deps: GatewayDeps,
  stored: StoredBatch,
  file: ReceivedFile,
): AsyncGenerator<BatchItem, void, void> {
  if (!isArchive(file.filename) || file.refusal) return yield await takeOne(deps, stored, file);
  const { uploadDir: dir, zip: limits } = deps.settings;
  try {
    for await (const entry of expandZip(file.path, { dir, limits })) yield await takeOne(deps, stored, entry);
  } catch (error) {
    if (!isAboutTheFile(error)) throw error;
    yield await addRefused(deps, stored, file, error);
  } finally {
    await rm(file.path, { force: true });
  }
}

async function takeOne(deps: GatewayDeps, stored: StoredBatch, file: IncomingFile): Promise<BatchItem> {
  try {
    if (!('path' in file)) return await addRefused(deps, stored, file, file.refusal);
    const options = optionsOf(stored, { external_id: file.filename });
    const described = { ...file, filename: cleanFilename(file.filename) };
    const upload = await describeUpload(deps, stored.address, described, options);
    return await take(deps, stored, file, upload, (key) => deps.blobs.putFile(key, file.path));
  } catch (error) {
    if (!isAboutTheFile(error)) throw error;
    return await addRefused(deps, stored, file, error);
  } finally {
    if ('path' in file) await rm(file.path, { force: true });
  }
}

/**
 * Takes a file whose bytes were uploaded before into a batch.
 *
 * @throws {RequestError} `batch_closed`
 */
export async function takeKnown(
  deps: GatewayDeps,
  stored: StoredBatch,
  entry: ManifestEntry,
): Promise<BatchItem> {
  const { tenant } = stored.address;
  const source = await deps.documents.findByHash(tenant, entry.from, entry.hash);
  const filename = cleanPath(entry.filename ?? source?.filename ?? entry.hash);
  const identity = { filename, hash: entry.hash, ...(source && { bytes: source.bytes }) };
  try {
    if (!source)
      throw new RequestError(
        404,
        'unknown_hash',
        `No document of the collection ${entry.from} has these bytes. Upload the file.`,
      );
    const { bytes, hash } = source;
    const type = entry.filename === undefined ? source.type : documentTypeOf(filename);
    const options = optionsOf(stored, entry);
    const upload = { tenant, filename: cleanFilename(filename), bytes, hash, type, ...options };
    return await take(deps, stored, identity, upload, (key) => deps.blobs.copy(originalOf(source), key));
  } catch (error) {
    if (!isAboutTheFile(error)) throw error;
    return await addRefused(deps, stored, identity, error);
  }
}

/** The settings of a batch for one of its files. */
function optionsOf(
  { address, origin }: StoredBatch,
  { external_id, metadata }: Pick<ManifestEntry, 'external_id' | 'metadata'>,
): UploadOptions {
  const { collection, replace } = origin;
  const common = { collection, metadata: { ...origin.metadata, ...metadata }, batch: address.id };
  return replace === 'external_id' && external_id !== undefined
    ? { ...common, replace, external_id }
    : { ...common, replace: replace === 'external_id' ? 'none' : replace };
}

/**
 * The item is there before its document, so that what a crash leaves in between is found and ended. Both have ids that
 * follow from the file: whoever sends it a second time, while the first is still at it or after that was lost, does the
 * same.
 */
async function take(
  deps: GatewayDeps,
  { address }: StoredBatch,
  file: FileIdentity,
  upload: Upload,
  putOriginal: PutOriginal,
): Promise<BatchItem> {
  const identity = identify(file);
  for (;;) {
    const plan = await deps.documents.plan(upload);
    const document =
      plan.outcome === 'created' ? { ...plan.document, id: documentIdOf(address, identity) } : plan.document;
    if (plan.outcome === 'duplicate') {
      const known = await deps.batches.item(address, identity.id);
      if (known?.status === 'receiving' && isOf(known, document)) {
        await putOriginal(originalOf(document));
        return await makePending(deps, address, known);
      }
      return await deps.batches.add(address, {
        ...identity,
        status: 'duplicate',
        document_id: document.id,
        version: document.version,
      });
    }
    const item = await deps.batches.add(address, {
      ...identity,
      status: 'receiving',
      document_id: document.id,
      version: document.version,
    });
    if (item.status !== 'receiving') return item;
    try {
      if (!(await keepDocument(deps, document, plan.previous, putOriginal))) continue;
    } catch (error) {
      if (isRedisAway(error)) throw error;
      deps.logger.error({ err: error, document_id: document.id }, 'could not keep a file of a batch');
      const failure = {
        code: 'storage_unavailable',
        message: 'The file could not be stored. Upload it again.',
      };
      await deps.batches.move(address, item.id, {
        from: ['receiving'],
        to: 'failed',
        set: { error: failure },
      });
      return { ...item, status: 'failed', error: failure };
    }
    return await makePending(deps, address, item);
  }
}

async function makePending(deps: GatewayDeps, address: BatchAddress, item: BatchItem): Promise<BatchItem> {
  await deps.batches.move(address, item.id, { from: ['receiving'], to: 'pending' });
  return { ...item, status: 'pending' };
}

function documentIdOf({ id }: BatchAddress, item: Pick<BatchItem, 'id'>): string {
  return `doc_${uuidv5(item.id, id.slice(BATCH_PREFIX.length))}`;
}

function isOf(item: BatchItem, document: Document): boolean {
  return (
    item.document_id === document.id && item.version === document.version && document.status === 'queued'
  );
}

async function addRefused(
  deps: GatewayDeps,
  { address }: StoredBatch,
  file: FileIdentity,
  { code, message }: SluiceError,
): Promise<BatchItem> {
  return deps.batches.add(address, { ...identify(file), status: 'refused', error: { code, message } });
}

/** A path with bytes is one item, however often it is sent. */
function identify({ filename, bytes, hash }: FileIdentity): Omit<BatchItem, 'status'> {
  const path = cleanPath(filename);
  const digest = createHash('sha256')
    .update(`${hash ?? ''} ${path}`)
    .digest('base64url');
  return {
    id: digest.slice(0, 16),
    filename: path,
    ...(bytes !== undefined && { bytes }),
    ...(hash !== undefined && { hash }),
    added_at: new Date().toISOString(),
  };
}

function isAboutTheFile(error: unknown): error is SluiceError {
  if (!(error instanceof SluiceError)) return false;
  return error.status < 500 && error.code !== 'batch_closed' && error.code !== 'not_found';
}
