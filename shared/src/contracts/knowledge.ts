import { z } from 'zod';
import { sourceSchema } from './events.ts';

/** What Sluice can read. */
export const documentTypeSchema = z.enum([
  'pdf',
  'docx',
  'pptx',
  'xlsx',
  'epub',
  'html',
  'csv',
  'markdown',
  'text',
]);
export type DocumentType = z.infer<typeof documentTypeSchema>;

export const documentStatusSchema = z.enum(['queued', 'processing', 'ready', 'failed']);

/** The collection of documents that name none; always there. */
export const DEFAULT_COLLECTION = 'default';

export const collectionNameSchema = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, {
  error: 'must be 1 to 64 lower-case letters, digits, - or _, and begin with a letter or digit',
});

/** How documents are split into chunks. */
export const chunkingSchema = z
  .strictObject({
    size: z.int().min(50).max(20_000),
    overlap: z.int().min(0).max(10_000),
    unit: z.enum(['characters', 'tokens']).default('characters'),
  })
  .refine(({ size, overlap }) => overlap * 2 <= size, {
    path: ['overlap'],
    error: 'must be at most half of size',
  });
export type Chunking = z.infer<typeof chunkingSchema>;

/** Body of `PUT /api/knowledge/collections/{name}`. */
export const collectionSettingsSchema = z.strictObject({
  description: z.string().max(1_000).optional(),
  chunking: chunkingSchema
    .optional()
    .meta({ description: 'Of documents ingested from now on; absent: `CHUNK_SIZE` and `CHUNK_OVERLAP`' }),
  formats: z
    .partialRecord(documentTypeSchema, chunkingSchema)
    .optional()
    .meta({ description: 'In place of `chunking`, for documents of a format' }),
});
/** A named group of documents. */
export const collectionSchema = collectionSettingsSchema.extend({
  name: collectionNameSchema,
  documents: z.int().nonnegative(),
});
export type Collection = z.infer<typeof collectionSchema>;

const MAX_METADATA_KEYS = 20;
const metadataValueSchema = z.union([
  z.string().max(256),
  z.number(),
  z.boolean(),
  z.array(z.string().max(256)).min(1).max(20),
]);
/** What a caller knows of a document; each value can be filtered by. */
export const metadataSchema = z
  .record(z.string().regex(/^[\p{L}\p{N}_.-]{1,64}$/u), metadataValueSchema)
  .refine((metadata) => Object.keys(metadata).length <= MAX_METADATA_KEYS, {
    error: `must have at most ${MAX_METADATA_KEYS} keys`,
  });
export type Metadata = z.infer<typeof metadataSchema>;

/** Asks for documents by their metadata: every key must fit, by any of its values. */
export const metadataFilterSchema = z
  .record(z.string().max(64), metadataValueSchema)
  .refine((filter) => Object.keys(filter).length <= MAX_METADATA_KEYS, {
    error: `must have at most ${MAX_METADATA_KEYS} keys`,
  });

/** By what an upload is a new version of a document that is there already. */
export const replaceSchema = z.enum(['external_id', 'filename', 'none']);

/** Well-formed, because Redis reads it in a document's JSON and refuses half a surrogate pair there. */
export const externalIdSchema = z
  .string()
  .min(1)
  .max(512)
  .refine((id) => id.isWellFormed(), { error: 'must be well-formed Unicode' });

/** A document as the registry keeps it and the API shows it. */
export const documentSchema = z.object({
  id: z.string(),
  tenant: z.string(),
  filename: z.string(),
  collection: collectionNameSchema,
  external_id: z.string().optional().meta({ description: "The caller's own name for the document" }),
  replace: replaceSchema.meta({ description: 'By what later uploads become versions of this document' }),
  metadata: metadataSchema,
  batch: z.string().optional(),
  type: documentTypeSchema,
  bytes: z.int().nonnegative(),
  hash: z.string().meta({ description: 'SHA-256 of the bytes, hex' }),
  version: z.int().positive().meta({ description: 'The newest; `status` and `error` speak of it' }),
  indexed_version: z
    .int()
    .positive()
    .optional()
    .meta({ description: 'The version that search sees; `chunks`, `pages` and `characters` speak of it' }),
  status: documentStatusSchema,
  chunks: z.int().nonnegative().optional(),
  pages: z.int().nonnegative().optional(),
  characters: z
    .int()
    .nonnegative()
    .optional()
    .meta({ description: 'Length of the extracted text in UTF-16 code units' }),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});
export type Document = z.infer<typeof documentSchema>;

/** One accepted file of an upload (202). */
export const acceptedUploadSchema = z.object({
  id: z.string(),
  filename: z.string(),
  hash: z.string(),
  status: documentStatusSchema,
  duplicate: z
    .boolean()
    .optional()
    .meta({ description: 'True when the same bytes were uploaded before; nothing is done again' }),
  version: z
    .int()
    .meta({ description: 'Above 1 when the file replaces an earlier version once it is indexed' }),
});

/** Metadata as a form has it: JSON in a text field. */
export const metadataJsonSchema = z
  .string()
  .transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue({ code: 'custom', message: 'must be a JSON object' });
      return z.NEVER;
    }
  })
  .pipe(metadataSchema)
  .default({});

/** The text fields of an upload's form. */
export const uploadFieldsSchema = z
  .strictObject({
    collection: collectionNameSchema.default(DEFAULT_COLLECTION),
    external_id: externalIdSchema.optional(),
    metadata: metadataJsonSchema,
    replace: replaceSchema.optional(),
  })
  .refine(({ replace, external_id }) => replace !== 'external_id' || external_id !== undefined, {
    path: ['external_id'],
    error: 'must be given when replace is external_id',
  });

/** What `GET /api/knowledge/documents/{id}/text` understands. */
export const documentTextSchema = z.object({
  version: z.coerce
    .number()
    .int()
    .positive()
    .optional()
    .meta({ description: 'Of a source, whose offsets fit this version alone' }),
});

/** Body of `PATCH /api/knowledge/documents/{id}`. */
export const documentChangeSchema = z.strictObject({ metadata: metadataSchema });

/** One indexed file of an upload with `Prefer: wait` (200). */
export const indexedUploadSchema = acceptedUploadSchema.extend({ chunks: z.int().nonnegative() });
/** One refused file among several. */
export const refusedUploadSchema = z.object({
  filename: z.string(),
  error: z.object({ code: z.string(), message: z.string() }),
});

/** By what passages are found: meaning and words, meaning alone, words alone. */
export const retrievalModeSchema = z.enum(['hybrid', 'dense', 'lexical']);
export type RetrievalMode = z.infer<typeof retrievalModeSchema>;

/** Body of `POST /api/knowledge/search`. */
export const searchRequestSchema = z
  .strictObject({
    query: z.string().trim().min(1).max(4_000),
    top_k: z.int().min(1).max(50).default(5).meta({
      description: 'Most chunks to look for; those that follow one another make one result',
    }),
    min_score: z.number().min(0).max(1).optional().meta({ description: 'Least cosine similarity' }),
    documents: z.array(z.string()).min(1).max(100).optional(),
    collections: z.array(collectionNameSchema).min(1).max(20).optional(),
    metadata: metadataFilterSchema
      .optional()
      .meta({ description: 'Only documents that fit: every key, by any of its values' }),
    mode: retrievalModeSchema.default('hybrid'),
    rerank: z.boolean().optional().meta({ description: 'Default: whether `RERANK_URL` is set' }),
    neighbours: z.boolean().default(true).meta({
      description: 'Whether results take in the chunks around those that were found',
    }),
  })
  .refine(({ mode, min_score }) => mode !== 'lexical' || min_score === undefined, {
    path: ['min_score'],
    error: 'is a similarity of meaning, which the mode lexical does not look at',
  });

/** `data` of `POST /api/knowledge/search`. */
export const searchAnswerSchema = z.object({
  results: z.array(
    sourceSchema.extend({
      scores: z
        .object({
          dense: z.number().optional().meta({ description: 'Cosine similarity' }),
          lexical: z.number().optional().meta({ description: 'BM25' }),
          fused: z.number().meta({ description: 'Of the fusion of both rankings' }),
          rerank: z.number().optional().meta({ description: "The reranker's relevance" }),
        })
        .meta({ description: 'Of the best chunk of the result; a stage that did not find it has none' }),
    }),
  ),
  reranked: z.boolean().meta({ description: 'Whether the order is that of the reranker' }),
  dropped: z
    .object({
      min_score: z.int().nonnegative(),
      near_duplicate: z.int().nonnegative(),
      token_budget: z.int().nonnegative(),
    })
    .meta({ description: 'Chunks that were found and left out, by the reason' }),
});

/** `data` of `GET /api/knowledge/settings`: what a client may send, and whether it may ask for a reranker. */
export const knowledgeSettingsSchema = z.object({
  endings: z
    .record(z.string(), documentTypeSchema)
    .meta({ description: 'What file names may end in, in any case, and what each stands for' }),
  file_bytes: z.int().positive().meta({ description: 'Most bytes of one file' }),
  upload_files: z.int().positive().meta({ description: 'Most files of one upload' }),
  batch_upload_files: z
    .int()
    .positive()
    .meta({ description: 'Most files of one request that adds to a batch' }),
  archive_bytes: z.int().positive().meta({ description: 'Most bytes of one zip archive, as it is sent' }),
  archive_unpacked_bytes: z.int().positive(),
  archive_entries: z.int().positive(),
  rerank: z.boolean().meta({ description: 'Whether a reranker is configured' }),
});
export type KnowledgeSettings = z.infer<typeof knowledgeSettingsSchema>;

/** What `GET /api/knowledge/documents` understands. */
export const listDocumentsSchema = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(100).optional(),
  collection: collectionNameSchema.optional(),
});
