import { z } from 'zod';
import {
  collectionNameSchema,
  DEFAULT_COLLECTION,
  documentStatusSchema,
  externalIdSchema,
  metadataJsonSchema,
  metadataSchema,
  replaceSchema,
} from './knowledge.ts';

/**
 * Where a file of a batch is. `receiving`: its bytes are being kept; `pending`: it waits for its turn in the batch;
 * `queued`, `processing`: as of its document. The rest is final: `duplicate`: the same bytes are there; `refused`: it was
 * not taken; `failed`: it was taken and could not be read.
 */
export const BATCH_ITEM_STATUSES = [
  'receiving',
  'pending',
  'queued',
  'processing',
  'ready',
  'duplicate',
  'failed',
  'refused',
  'cancelled',
] as const;
export const batchItemStatusSchema = z.enum(BATCH_ITEM_STATUSES);
export type BatchItemStatus = z.infer<typeof batchItemStatusSchema>;

/** One file of a batch. */
export const batchItemSchema = z.object({
  id: z.string(),
  filename: z.string().meta({ description: 'With its path, as it was sent or as the archive has it' }),
  status: batchItemStatusSchema,
  bytes: z.int().nonnegative().optional(),
  hash: z.string().optional().meta({ description: 'SHA-256 of the bytes, hex' }),
  document_id: z.string().optional(),
  version: z.int().positive().optional(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
  added_at: z.iso.datetime(),
});
export type BatchItem = z.infer<typeof batchItemSchema>;

export const batchStateSchema = z.enum(['open', 'running', 'paused', 'cancelling', 'cancelled', 'done']);

/** What holds for all files of a batch. */
const batchSettings = {
  name: z.string().min(1).max(200).optional(),
  collection: collectionNameSchema.default(DEFAULT_COLLECTION),
  replace: replaceSchema
    .default('none')
    .meta({ description: 'With `external_id`, the path of each file is its external id' }),
};

/** A batch as it is now. */
export const batchSchema = z.object({
  id: z.string(),
  name: z.string().optional(),
  collection: collectionNameSchema,
  replace: replaceSchema,
  metadata: metadataSchema,
  state: batchStateSchema,
  open: z.boolean().meta({ description: 'Whether files may still be added' }),
  items: z.int().nonnegative(),
  counts: z
    .record(batchItemStatusSchema, z.int().nonnegative())
    .meta({ description: 'Files by status; together they are `items`' }),
  bytes: z.int().nonnegative().meta({ description: 'Of all files that were taken' }),
  estimated_seconds: z
    .int()
    .nonnegative()
    .optional()
    .meta({ description: 'Time left, at the rate of the last minute; absent while there is none' }),
  created_at: z.iso.datetime(),
  ended_at: z.iso.datetime().optional(),
});
export type Batch = z.infer<typeof batchSchema>;

const sha256Schema = z
  .string()
  .regex(/^[0-9a-f]{64}$/, { error: 'must be a SHA-256 in lower-case hexadecimal' });

/** Body of `POST /api/knowledge/batches` as JSON. */
export const createBatchSchema = z.strictObject({
  ...batchSettings,
  metadata: metadataSchema.default({}),
  manifest: z
    .array(
      z.strictObject({
        hash: sha256Schema,
        from: collectionNameSchema
          .default(DEFAULT_COLLECTION)
          .meta({ description: 'The collection that has the bytes' }),
        filename: z.string().min(1).max(512).optional(),
        external_id: externalIdSchema.optional(),
        metadata: metadataSchema.optional(),
      }),
    )
    .min(1)
    .max(10_000)
    .optional()
    .meta({ description: 'Files whose bytes were uploaded before' }),
  open: z
    .boolean()
    .optional()
    .meta({ description: 'Whether files will be added; true unless there is a manifest' }),
});
export type CreateBatch = z.infer<typeof createBatchSchema>;

/** The text fields of a form that creates a batch; they come before its files. */
export const batchFieldsSchema = z.strictObject({ ...batchSettings, metadata: metadataJsonSchema });

/** What files added to a batch became. */
export const addedFilesSchema = z.object({
  batch: batchSchema,
  items: z
    .array(batchItemSchema)
    .meta({ description: 'The first 1,000 files of the request; `GET …/items` has all' }),
});

/** What `GET /api/knowledge/batches` understands. */
export const listBatchesSchema = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(100).optional(),
});

/** What `GET /api/knowledge/batches/{id}/items` understands. */
export const listBatchItemsSchema = z.object({
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  cursor: z.coerce.number().int().nonnegative().optional(),
  status: batchItemStatusSchema.optional(),
});

/** Body of `POST /api/knowledge/lookup`. */
export const lookupSchema = z.strictObject({
  collection: collectionNameSchema.default(DEFAULT_COLLECTION),
  hashes: z.array(sha256Schema).min(1).max(1_000),
});
/** A document that has bytes asked for. */
export const knownHashSchema = z.object({
  hash: z.string(),
  id: z.string(),
  filename: z.string(),
  external_id: z.string().optional(),
  version: z.int().positive(),
  status: documentStatusSchema,
  batch: z.string().optional(),
});
