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
/** Hash: SHA-256 of the bytes -> document id. */
export const documentHashKey = (tenant: string) => `sluice:{${tenant}}:document-hashes`;

/** BullMQ's key prefix of a queue; the braces keep a queue's keys on one node. */
export const queuePrefix = (queue: string) => `sluice:{queue-${queue}}`;
