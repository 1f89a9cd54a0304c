import { UnrecoverableError } from 'bullmq';
import { blobKeys } from '@sluice/shared/blob-store';
import type { BlobStore } from '@sluice/shared/blob-store';
import type { JobData } from '@sluice/shared/contracts/jobs';
import { failUnsettled } from '@sluice/shared/documents';
import type { Checkpoint, DocumentPatch, DocumentRegistry } from '@sluice/shared/documents';
import { embedThroughCache } from '@sluice/shared/embedding/cache';
import type { EmbeddingCache } from '@sluice/shared/embedding/cache';
import { SluiceError, UnavailableError } from '@sluice/shared/errors';
import { LogRefusedError } from '@sluice/shared/event-log/append';
import { nextAttempt } from '@sluice/shared/event-log/entry';
import { closeLog, createLog, readLastEntry } from '@sluice/shared/event-log/log';
import { labelsOf } from '@sluice/shared/metadata';
import { LogWriter } from '@sluice/shared/event-log/writer';
import type { Logger } from '@sluice/shared/logger';
import type { ModelClient } from '@sluice/shared/model-client';
import type { TakenJob } from '@sluice/shared/queues';
import type { RedisClient } from '@sluice/shared/redis/connection';
import { annotate, inSpan } from '@sluice/shared/tracing/spans';
import type { TenantVectors, VectorStore } from '@sluice/shared/vector-store/port';
import type { ChunkOptions } from './chunk.ts';
import { extractOnce } from './extract-once.ts';
import type { ExtractedDocument } from './extract/document.ts';
import type { Extractor } from './extract/pool.ts';
import { indexChunks } from './index-chunks.ts';
import { chunksIndexed } from './metrics.ts';
import { openStage } from './stage.ts';

/** What ingesting needs. */
export interface IngestDeps {
  /** Role `worker`. */
  redis: RedisClient;
  /** Role `appender`. */
  appender: RedisClient;
  documents: DocumentRegistry;
  blobs: BlobStore;
  store: VectorStore;
  model: ModelClient;
  /** None: every text is embedded. */
  cache: EmbeddingCache | undefined;
  extractor: Extractor;
  chunking: ChunkOptions;
  logger: Logger;
}

type IngestJob = JobData<'ingest'>;

/** Notes what has become of the document. @throws {NoLongerOurs} */
type SetState = (patch: DocumentPatch, checkpoint?: Checkpoint | null) => Promise<void>;

/** Why nothing more may be written: the document was deleted, a later attempt has it, or there is a later version. */
type Loss = 'gone' | 'stale' | 'superseded';

class NoLongerOurs extends Error {
  readonly why: Loss;

  constructor(why: Loss) {
    super(`the document is ${why}`);
    this.why = why;
  }
}

/**
 * Ingests one document: extract, chunk, embed, upsert, then make the version searchable at once. Doing it again leaves
 * the same points. Whatever happens, the document ends `ready` or `failed` and its log ends with it.
 */
export function ingestDocument(deps: IngestDeps, job: TakenJob<'ingest'>): Promise<void> {
  const { type, batch } = job.data;
  const attributes = { 'sluice.document.type': type, ...(batch && { 'sluice.batch.id': batch.id }) };
  return inSpan('ingest', { attributes }, () => ingest(deps, job));
}

async function ingest(deps: IngestDeps, job: TakenJob<'ingest'>): Promise<void> {
  const { data } = job;
  const log = { tenant: data.tenant, jobId: data.id };
  if (await isSettled(deps, data)) return;
  const last = await readLastEntry(deps.redis, log);
  if (!last)
    await createLog(deps.redis, { ...log, retentionMs: data.retention_ms }, { type: 'queued', position: 0 });
  const attempt = nextAttempt(job.attempt, last);
  annotate({ 'sluice.attempt': attempt });
  const writer = new LogWriter({ redis: deps.appender, log, attempt });
  const signal = AbortSignal.any([job.signal, writer.signal]);
  const setState: SetState = async (patch, checkpoint) => {
    const owner = { version: data.version, attempt };
    const result = await deps.documents.update(data.tenant, data.document_id, owner, patch, checkpoint);
    if (result !== 'updated') throw new NoLongerOurs(result);
  };
  try {
    await setState({ status: 'processing', error: null });
    writer.append({ type: 'started', attempt });
    const chunks = await index(deps, data, attempt, writer, setState, signal);
    await writer.close({ type: 'done', finish_reason: 'indexed', chunks });
    chunksIndexed.inc({ tenant: data.tenant }, chunks);
    deps.logger.info({ attempt, chunks }, 'document indexed');
  } catch (error) {
    if (error instanceof NoLongerOurs) return abandonDocument(deps, data, error.why);
    if (writer.signal.reason instanceof LogRefusedError) {
      const isGone = (await deps.documents.find(data.tenant, data.document_id)) === undefined;
      if (isGone) return abandonDocument(deps, data, 'gone');
      return deps.logger.info({ attempt, reason: writer.signal.reason.message }, 'lost the job: stopped');
    }
    if (signal.aborted) throw error;
    await retryOrFail(deps, job, attempt, writer, error);
  }
}

/** A worker that was lost between a document's end and its job's end leaves nothing to do but to end its log. */
async function isSettled(
  deps: IngestDeps,
  { tenant, id, document_id, version }: IngestJob,
): Promise<boolean> {
  const document = await deps.documents.find(tenant, document_id);
  if (document?.version !== version) return false;
  const log = { tenant, jobId: id };
  if (document.status === 'ready') {
    await closeLog(deps.appender, log, {
      type: 'done',
      finish_reason: 'indexed',
      chunks: document.chunks ?? 0,
    });
    return true;
  }
  if (document.status === 'failed' && document.error) {
    await closeLog(deps.appender, log, {
      type: 'failed',
      code: document.error.code,
      error: document.error.message,
    });
    return true;
  }
  return false;
}

/** @returns how many chunks the document has */
async function index(
  deps: IngestDeps,
  job: IngestJob,
  attempt: number,
  writer: LogWriter,
  setState: SetState,
  signal: AbortSignal,
): Promise<number> {
  const { tenant, document_id: documentId, version, filename, collection, labels } = job;
  // Together: the store may move to another index at any time.
  const [vectors, space] = [deps.store.forTenant(tenant), deps.store.space];

  writer.append({ type: 'progress', stage: 'extract', done: 0, total: 1 });
  const document = await extract(deps, job, attempt, signal);
  // The first batch is embedded before anything else is told, which may take long where a provider is slow.
  writer.append({ type: 'progress', stage: 'extract', done: 1, total: 1 });
  const chunks = await indexChunks({
    document,
    chunking: job.chunking ?? deps.chunking,
    owner: { documentId, version, filename, collection, labels },
    vectors,
    space,
    model: {
      embed: (texts, stop) => embedThroughCache(deps.model, deps.cache, { tenant, space }, texts, stop),
    },
    checkpoint: await deps.documents.checkpoint(tenant, documentId),
    save: (checkpoint) => setState({}, checkpoint ?? null),
    report: (done, total) => writer.append({ type: 'progress', stage: 'upsert', done, total }),
    signal,
  });
  const before = await deps.documents.find(tenant, documentId);
  await vectors.activate(documentId, version);
  const ready: DocumentPatch = {
    status: 'ready',
    indexed_version: version,
    chunks,
    characters: document.text.length,
    pages: document.pageCount ?? null,
  };
  await setState(ready).catch(async (error: unknown) => {
    if (!(await isEndedTooLate(deps, job, error))) throw error;
    const owner = { version, attempt: Number.MAX_SAFE_INTEGER };
    await deps.documents.update(tenant, documentId, owner, { ...ready, error: null });
  });
  await tidyUp(deps, job, vectors, before?.indexed_version);
  return chunks;
}

async function extract(
  deps: IngestDeps,
  job: IngestJob,
  attempt: number,
  signal: AbortSignal,
): Promise<ExtractedDocument> {
  using stage = openStage('extract');
  return await stage.run(() => extractOnce(deps, job, attempt, signal));
}

/** What is left to do when the document is ready, and no reason to call it failed. */
async function tidyUp(
  deps: IngestDeps,
  job: IngestJob,
  vectors: TenantVectors,
  replaced: number | undefined,
): Promise<void> {
  const { tenant, document_id: documentId, version } = job;
  try {
    await keepLabels(deps, job, vectors);
    for (const former of new Set([replaced ?? 0, version - 1]))
      if (former > 0 && former < version)
        await deps.blobs.deleteAll(blobKeys.version(tenant, documentId, former));
  } catch (error) {
    deps.logger.warn({ err: error }, 'could not tidy up after a document that is ready');
  }
}

/** Whether somebody has ended the version from outside when searches saw it already, and the one before was gone. */
async function isEndedTooLate(
  { documents }: IngestDeps,
  { tenant, document_id, version }: IngestJob,
  error: unknown,
): Promise<boolean> {
  if (!(error instanceof NoLongerOurs) || error.why !== 'stale') return false;
  const document = await documents.find(tenant, document_id);
  return document?.version === version && document.status === 'failed';
}

/** The metadata may have been changed since the job was made. */
async function keepLabels(
  deps: IngestDeps,
  { tenant, document_id: documentId, labels }: IngestJob,
  vectors: TenantVectors,
): Promise<void> {
  const document = await deps.documents.find(tenant, documentId);
  const now = labelsOf(document?.metadata ?? {});
  if (document && now.join('\n') !== labels.join('\n')) await vectors.relabel(documentId, now);
}

/** Removes what the job of a deleted document, or of a replaced version, wrote; a later attempt's is left alone. */
async function abandonDocument(
  deps: IngestDeps,
  { tenant, id, document_id, version }: IngestJob,
  why: Loss,
): Promise<void> {
  deps.logger.info({ why }, 'stopped ingesting');
  if (why === 'stale') return;
  const isGone = why === 'gone';
  await deps.store.forTenant(tenant).deleteDocument(document_id, ...(isGone ? [] : [version]));
  await deps.blobs.deleteAll(
    isGone ? blobKeys.document(tenant, document_id) : blobKeys.version(tenant, document_id, version),
  );
  await closeLog(deps.appender, { tenant, jobId: id }, { type: 'cancelled' });
}

/** Lets the queue try again what may pass (a dependency is away); ends the document with its error otherwise. */
async function retryOrFail(
  deps: IngestDeps,
  job: TakenJob<'ingest'>,
  attempt: number,
  writer: LogWriter,
  error: unknown,
): Promise<never> {
  const mayPass = !(error instanceof SluiceError) || error instanceof UnavailableError;
  if (mayPass && !job.isLastTry) {
    deps.logger.warn({ err: error, attempt }, 'ingest failed: will be tried again');
    throw error;
  }
  deps.logger.warn({ err: error, attempt }, 'document failed');
  const known = error instanceof SluiceError;
  const code = known ? error.code : 'internal_error';
  const message = known
    ? error.message
    : 'Something went wrong while reading the document. Try to upload it again.';
  const { tenant, document_id, version } = job.data;
  const result = await deps.documents.update(
    tenant,
    document_id,
    { version, attempt },
    { status: 'failed', error: { code, message } },
  );
  if (result === 'gone' || result === 'superseded') await abandonDocument(deps, job.data, result);
  else await writer.close({ type: 'failed', code, error: message });
  throw Object.assign(new UnrecoverableError(`${code}: ${message}`), { cause: error });
}

/**
 * Ends a document whose job was given up: its workers died each time, or its data made no sense.
 *
 * @returns whether there was anything left to end
 */
export async function giveUpDocument(
  deps: IngestDeps,
  { tenant, id }: { tenant: string; id: string },
): Promise<boolean> {
  const code = 'worker_lost';
  const message = 'The workers that tried to read the document were lost. Try to upload it again.';
  try {
    await failUnsettled(deps.documents, tenant, id, { code, message });
  } catch (error) {
    deps.logger.error({ err: error, job_id: id, tenant }, 'could not mark a document as failed');
  }
  const log = { tenant, jobId: id };
  return closeLog(deps.appender, log, { type: 'failed', code, error: message });
}
