import { z } from 'zod';

/** What Sluice can read. */
export const documentTypeSchema = z.enum(['pdf', 'docx', 'markdown', 'text']);
export type DocumentType = z.infer<typeof documentTypeSchema>;

export const documentStatusSchema = z.enum(['queued', 'processing', 'ready', 'failed']);

/** A document as the registry keeps it and the API shows it. */
export const documentSchema = z.object({
  id: z.string(),
  tenant: z.string(),
  filename: z.string(),
  type: documentTypeSchema,
  bytes: z.int().nonnegative(),
  hash: z.string().meta({ description: 'SHA-256 of the bytes, hex' }),
  version: z.int().positive(),
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
});
/** One indexed file of an upload with `Prefer: wait` (200). */
export const indexedUploadSchema = acceptedUploadSchema.extend({ chunks: z.int().nonnegative() });
/** One refused file among several. */
export const refusedUploadSchema = z.object({
  filename: z.string(),
  error: z.object({ code: z.string(), message: z.string() }),
});

/** Body of `POST /api/knowledge/search`. */
export const searchRequestSchema = z.strictObject({
  query: z.string().trim().min(1).max(4_000),
  top_k: z.int().min(1).max(50).default(5),
  min_score: z.number().min(0).max(1).optional(),
  documents: z.array(z.string()).min(1).max(100).optional(),
});

/** What `GET /api/knowledge/documents` understands. */
export const listDocumentsSchema = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(100).optional(),
});
