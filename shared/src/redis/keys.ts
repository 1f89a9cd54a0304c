import { z } from 'zod';

/**
 * Every Redis key of Sluice. The part in braces is Redis Cluster's hash tag: keys with the same tag share a node, which
 * is what lets one script touch them together. Each key carries its tenant, so an id of another tenant names a key
 * that does not exist.
 */

/** The tenant of everything until there are several. */
export const DEFAULT_TENANT = 'default';

/** Tenant names and job ids: no `:` or braces, which structure the keys. */
export const tenantSchema = z.string().regex(/^[a-z0-9_-]{1,64}$/);
export const jobIdSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);

/** Stream: the event log of one job. */
export const logKey = (tenant: string, jobId: string) => `sluice:{${tenant}:${jobId}}:log`;
/** Pub/sub channel: rung at each append to that log. */
export const bellChannel = (tenant: string, jobId: string) => `sluice:{${tenant}:${jobId}}:bell`;
/** Pub/sub channel: rung when an attempt has lost the job, to a later one or to whoever ended the log. */
export const stopChannel = (tenant: string, jobId: string) => `sluice:{${tenant}:${jobId}}:stop`;

/** Hash: one document's registry entry. */
export const documentKey = (tenant: string, documentId: string) =>
  `sluice:{${tenant}}:document:${documentId}`;
/** Sorted set: document ids by creation time in milliseconds. */
export const documentIndexKey = (tenant: string) => `sluice:{${tenant}}:documents`;
/** Sorted set: as above, of one collection. */
export const collectionIndexKey = (tenant: string, collection: string) =>
  `sluice:{${tenant}}:documents:${collection}`;
/** Hash: status -> how many documents have it; `failed:<code>` -> how many of them failed with it. */
export const documentCountsKey = (tenant: string) => `sluice:{${tenant}}:document-counts`;
/** Sorted set: ids of failed documents by when they failed, in milliseconds. */
export const failedDocumentsKey = (tenant: string) => `sluice:{${tenant}}:documents-failed`;
/** Hash: collection and SHA-256 of the bytes -> document id. */
export const documentHashKey = (tenant: string) => `sluice:{${tenant}}:document-hashes`;
/** Hash: collection and external id or file name -> document id. */
export const documentIdentityKey = (tenant: string) => `sluice:{${tenant}}:document-identities`;
/** Hash: name of a collection -> its settings as JSON. */
export const collectionsKey = (tenant: string) => `sluice:{${tenant}}:collections`;

/** Set: ids of documents that are deleted but may have left something behind. */
export const retiredDocumentsKey = (tenant: string) => `sluice:{${tenant}}:documents-retired`;

/** Sorted set: ids of batches by creation time in milliseconds. */
export const batchIndexKey = (tenant: string) => `sluice:{${tenant}}:batches`;
/** Set: ids of batches that may not have ended. */
export const activeBatchesKey = (tenant: string) => `sluice:{${tenant}}:batches-active`;
/** What is kept of a batch; see `batches/common.lua`. */
export function batchKeys(tenant: string, batchId: string) {
  const prefix = `sluice:{${tenant}:${batchId}}:batch`;
  return {
    batch: prefix,
    items: `${prefix}:items`,
    /** Sorted set: ids of the items of a status, in the order of their coming. */
    ofStatus: (status: string) => `${prefix}:${status}`,
  };
}

/** Hash: the job that an `Idempotency-Key` (its digest) was used for. */
export const idempotencyKey = (tenant: string, digest: string) => `sluice:{${tenant}:idempotency:${digest}}`;

/**
 * BullMQ's key prefix of a queue, or of one shard of it; the braces keep its keys on one node, and put each shard on
 * another.
 */
export const queuePrefix = (queue: string, shard = 0) =>
  `sluice:{queue-${queue}${shard === 0 ? '' : `-${shard}`}}`;

/** What admission keeps of a shard of a queue; see `admission/admit.lua`. */
export function admissionKeys(queue: string, shard = 0) {
  const prefix = `${queuePrefix(queue, shard)}:admission`;
  return {
    waiting: `${prefix}:waiting`,
    counts: `${prefix}:counts`,
    open: `${prefix}:open`,
    taken: `${prefix}:taken`,
  };
}

/** Hash: process id -> what it last told of itself, as JSON; see `ops/beat.lua`. */
export const heartbeatsKey = 'sluice:{ops}:heartbeats';
/** Sorted set: process ids by when that was, in milliseconds of Redis's clock. */
export const heartbeatTimesKey = 'sluice:{ops}:heartbeat-times';
/** Stream: what has failed lately. */
export const recentErrorsKey = 'sluice:{ops}:errors';

/** Hash: what a tenant has used since ever; or of one day, as `2026-11-24`. */
export const usageKey = (tenant: string, day?: string) =>
  `sluice:{${tenant}}:usage${day === undefined ? '' : `:${day}`}`;

/** String: set while the hourly housekeeping need not be done again. */
export const housekeepingKey = 'sluice:{reaper}:housekeeping';
/** Hash: which vector space searches use (`serving`), which is being built (`building`), and those replaced. */
export const indexKey = 'sluice:{index}:spaces';
/** Hash: how far the building of an index is. */
export const indexProgressKey = 'sluice:{index}:progress';
/** String: the ingest-worker that builds it. */
export const indexBuilderKey = 'sluice:{index}:builder';
/** String: microsecond from which on the next request of bulk embedding may start; see `embedding/pace.lua`. */
export const embeddingTurnKey = 'sluice:{embedding}:turn';
/** String: there while the embedding provider has asked for time. */
export const embeddingPauseKey = 'sluice:{embedding}:pause';

/** String: set while orphaned blobs need not be looked for again. */
export const orphanBlobsKey = 'sluice:{reaper}:orphan-blobs';
/** String: the gateway that runs the reaper now. */
export const reaperKey = 'sluice:{reaper}:leader';
