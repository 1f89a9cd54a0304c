import { readFileSync } from 'node:fs';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { ingestedBy } from './contracts/jobs.ts';
import { documentSchema } from './contracts/knowledge.ts';
import type { Document, Metadata } from './contracts/knowledge.ts';
import { RequestError } from './errors.ts';
import type { RedisClient } from './redis/connection.ts';
import {
  collectionIndexKey,
  documentCountsKey,
  documentHashKey,
  documentIdentityKey,
  documentIndexKey,
  documentKey,
  failedDocumentsKey,
  retiredDocumentsKey,
} from './redis/keys.ts';
import { readNewestFirst } from './redis/newest-first.ts';
import type { PageOptions } from './redis/newest-first.ts';

/** A script of `documents/`, which says what it takes and gives. */
const readScript = (name: string) =>
  readFileSync(new URL(`./documents/${name}.lua`, import.meta.url), 'utf8');

type Command = (...args: (string | number)[]) => Promise<number>;
interface RegistryCommands {
  sluiceRegister: Command;
  sluiceUpdateDocument: Command;
  sluiceDescribeDocument: Command;
  sluiceRetire: Command;
}

/** What a new upload is, before anything is kept of it. */
export type Upload = Pick<
  Document,
  | 'tenant'
  | 'filename'
  | 'collection'
  | 'external_id'
  | 'replace'
  | 'metadata'
  | 'batch'
  | 'type'
  | 'bytes'
  | 'hash'
>;

/** What the registry makes of an upload. */
export type Plan =
  /** The same bytes are there. */
  | { outcome: 'duplicate'; document: Document }
  /** To be registered: a new document, or the next version of `previous`. */
  | { outcome: 'created' | 'version'; document: Document; previous?: Document };

/** Fields that change while a document is ingested; null removes one. */
export type DocumentPatch = {
  [K in 'status' | 'indexed_version' | 'chunks' | 'pages' | 'characters' | 'error']?: Document[K] | null;
};

/** How far the ingestion of a version has come, for the next attempt to go on from. */
export type Checkpoint = z.output<typeof checkpointSchema>;

const checkpointSchema = z.object({
  version: z.int().positive(),
  /** What the chunks were embedded with. */
  space: z.object({ model: z.string(), dimensions: z.int().positive() }),
  /** Chunks that are stored, from the first on. */
  chunks: z.int().positive(),
  /** Of these chunks. */
  digest: z.string(),
});

/** The attempt at ingesting one version of a document. */
export interface IngestAttempt {
  version: number;
  attempt: number;
}

/** The registry of one or more tenants' documents. Its methods throw ioredis errors when Redis is away. */
export interface DocumentRegistry {
  /**
   * Decides what an upload is. What has the external id or file name of a document that is replaced by it, is the next
   * version of that one; else the same bytes in the same collection are a duplicate. Bytes that failed may come again.
   */
  plan(upload: Upload): Promise<Plan>;
  /**
   * The next version of a document, of the same bytes and in no batch unless `changes` says otherwise; nothing is
   * registered yet.
   */
  nextVersion(previous: Document, changes?: Partial<Upload>): Document;
  /**
   * Registers a planned document or version. Atomic, whoever races.
   *
   * @returns false when the plan no longer holds: make another
   */
  register(document: Document, previous?: Document): Promise<boolean>;
  /** @throws {RequestError} 404 */
  get(tenant: string, id: string): Promise<Document>;
  find(tenant: string, id: string): Promise<Document | undefined>;
  /** The document that has these bytes, by its newest version. */
  findByHash(tenant: string, collection: string, hash: string): Promise<Document | undefined>;
  /** Newest first; see `readNewestFirst`. */
  list(
    tenant: string,
    options: PageOptions & { collection?: string | undefined },
  ): Promise<{ documents: Document[]; total: number; next_cursor?: string }>;
  /**
   * Applies a patch on behalf of an attempt, and notes how far it has come (null: nowhere); a version that has ended needs
   * no checkpoint.
   *
   * @returns `gone` when the document was deleted, `stale` when a later attempt has it, `superseded` when there is a later
   * version; that searches see this one, though, is noted until they see the later one
   */
  update(
    tenant: string,
    id: string,
    owner: IngestAttempt,
    patch: DocumentPatch,
    checkpoint?: Checkpoint | null,
  ): Promise<'updated' | 'gone' | 'stale' | 'superseded'>;
  /** Where the last attempt had come to; undefined too where it cannot be understood. */
  checkpoint(tenant: string, id: string): Promise<Checkpoint | undefined>;
  /** Replaces the metadata. @returns false when the document is gone */
  describe(tenant: string, id: string, metadata: Metadata): Promise<boolean>;
  /**
   * Retires a document: it is found no longer, its bytes may be registered anew, and updates of it answer `gone`.
   *
   * @returns false when it was retired before, is not there, or has another version by now
   */
  retire(document: Document): Promise<boolean>;
  /** How many documents a tenant has, by status. */
  counts(tenant: string): Promise<Record<Document['status'], number>>;
  /** Ids of retired documents that are not forgotten yet. */
  retired(tenant: string): Promise<string[]>;
  /** Forgets a retired document, once nothing of it is left anywhere. Idempotent. */
  forget(tenant: string, id: string): Promise<void>;
}

/** Opens the registry on a connection that the caller closes. */
export function openDocuments(redis: RedisClient): DocumentRegistry {
  const recount = readScript('recount');
  redis.defineCommand('sluiceRegister', { numberOfKeys: 7, lua: recount + readScript('register') });
  redis.defineCommand('sluiceRetire', { numberOfKeys: 8, lua: recount + readScript('retire') });
  redis.defineCommand('sluiceUpdateDocument', { numberOfKeys: 3, lua: recount + readScript('update') });
  redis.defineCommand('sluiceDescribeDocument', { numberOfKeys: 1, lua: readScript('describe') });
  const commands = redis as RedisClient & RegistryCommands;

  const find = async (tenant: string, id: string) => {
    const [json, metadata, retired] = await redis.hmget(
      documentKey(tenant, id),
      'json',
      'metadata',
      'retired',
    );
    if (!json || !metadata || retired) return undefined;
    return documentSchema.parse({ ...JSON.parse(json), metadata: JSON.parse(metadata) });
  };
  const get = async (tenant: string, id: string) => {
    const document = await find(tenant, id);
    if (document) return document;
    throw new RequestError(404, 'not_found', `There is no document with the id ${id}.`);
  };
  const findBy = async (tenant: string, key: string, field: string) => {
    const id = field === '' ? null : await redis.hget(key, field);
    return id === null ? undefined : find(tenant, id);
  };
  const keysOf = ({ tenant, id, collection }: Document) => [
    documentKey(tenant, id),
    documentIndexKey(tenant),
    collectionIndexKey(tenant, collection),
    documentHashKey(tenant),
    documentIdentityKey(tenant),
    documentCountsKey(tenant),
    failedDocumentsKey(tenant),
  ];

  return {
    find,
    get,
    nextVersion,
    findByHash: (tenant, collection, hash) =>
      findBy(tenant, documentHashKey(tenant), hashField({ collection, hash })),
    async plan(upload) {
      const { tenant, hash } = upload;
      const previous =
        (await findBy(tenant, documentIdentityKey(tenant), identityField(upload))) ??
        (await findBy(tenant, documentHashKey(tenant), hashField(upload)));
      if (!previous) return { outcome: 'created', document: firstVersion(upload) };
      if (previous.hash === hash && previous.status !== 'failed')
        return { outcome: 'duplicate', document: previous };
      return { outcome: 'version', document: nextVersion(previous, upload), previous };
    },
    async register(document, previous) {
      const { metadata, ...rest } = document;
      const registered = await commands.sluiceRegister(
        ...keysOf(document),
        document.id,
        document.version,
        Date.parse(document.created_at),
        hashField(document),
        identityField(document),
        previous ? hashField(previous) : '',
        previous ? identityField(previous) : '',
        JSON.stringify(rest),
        // That of the version before stays as it is by now.
        previous?.metadata === metadata ? '' : JSON.stringify(metadata),
      );
      return registered === 1;
    },
    async list(tenant, { limit, cursor, collection }) {
      const key =
        collection === undefined ? documentIndexKey(tenant) : collectionIndexKey(tenant, collection);
      const { ids, ...page } = await readNewestFirst(redis, key, { limit, cursor });
      const found = await Promise.all(ids.map((id) => find(tenant, id)));
      return { documents: found.filter((document) => document !== undefined), ...page };
    },
    async update(tenant, id, { version, attempt }, patch, checkpoint) {
      const change = { ...patch, updated_at: new Date().toISOString() };
      const hasEnded = patch.status === 'ready' || patch.status === 'failed';
      const left = hasEnded ? null : checkpoint;
      const result = await commands.sluiceUpdateDocument(
        documentKey(tenant, id),
        documentCountsKey(tenant),
        failedDocumentsKey(tenant),
        version,
        attempt,
        JSON.stringify(change),
        left === undefined ? '' : JSON.stringify(left),
      );
      if (result === 1) return 'updated';
      if (result === 0) return 'gone';
      return result === -1 ? 'stale' : 'superseded';
    },
    async checkpoint(tenant, id) {
      const json = await redis.hget(documentKey(tenant, id), 'checkpoint');
      return json === null ? undefined : checkpointSchema.safeParse(JSON.parse(json)).data;
    },
    async describe(tenant, id, metadata) {
      return (await commands.sluiceDescribeDocument(documentKey(tenant, id), JSON.stringify(metadata))) === 1;
    },
    async retire(document) {
      const { tenant, id } = document;
      const retired = await commands.sluiceRetire(
        ...keysOf(document),
        retiredDocumentsKey(tenant),
        id,
        hashField(document),
        identityField(document),
        document.version,
      );
      return retired === 1;
    },
    async counts(tenant) {
      const counts = await redis.hgetall(documentCountsKey(tenant));
      const of = (status: Document['status']) => Number(counts[status] ?? 0);
      return {
        queued: of('queued'),
        processing: of('processing'),
        ready: of('ready'),
        failed: of('failed'),
      };
    },
    retired: (tenant) => redis.smembers(retiredDocumentsKey(tenant)),
    async forget(tenant, id) {
      await redis.multi().del(documentKey(tenant, id)).srem(retiredDocumentsKey(tenant), id).exec();
    },
  };
}

/** Whether stored points of a version may still be needed. Versions only rise: what is not wanted now never will be. */
export function isVersionWanted({ version, indexed_version, status }: Document, stored: number): boolean {
  return stored === indexed_version || (stored === version && status !== 'failed');
}

/** Ends the version that a job ingests as failed, when nobody else can any more and it has not ended yet. */
export async function failUnsettled(
  documents: DocumentRegistry,
  tenant: string,
  jobId: string,
  error: { code: string; message: string },
): Promise<void> {
  const { documentId, version } = ingestedBy(jobId);
  const document = await documents.find(tenant, documentId);
  if (document?.version !== version || document.status === 'ready' || document.status === 'failed') return;
  await documents.update(
    tenant,
    documentId,
    { version, attempt: Number.MAX_SAFE_INTEGER },
    { status: 'failed', error },
  );
}

function firstVersion(upload: Upload): Document {
  const now = new Date().toISOString();
  return { id: `doc_${uuidv7()}`, version: 1, status: 'queued', created_at: now, updated_at: now, ...upload };
}

function nextVersion(previous: Document, changes: Partial<Upload> = {}): Document {
  const { error: _error, batch: _batch, ...kept } = previous;
  const updated_at = new Date().toISOString();
  return { ...kept, ...changes, version: previous.version + 1, status: 'queued', updated_at };
}

function hashField({ collection, hash }: Pick<Document, 'collection' | 'hash'>): string {
  return `${collection}/${hash}`;
}

function identityField(of: Pick<Document, 'collection' | 'external_id' | 'replace' | 'filename'>): string {
  if (of.replace === 'external_id') return `${of.collection}/id/${of.external_id}`;
  return of.replace === 'filename' ? `${of.collection}/name/${of.filename}` : '';
}
