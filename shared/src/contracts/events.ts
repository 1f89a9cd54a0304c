import { z } from 'zod';

/**
 * A passage the answer may cite as `[n]`: chunks that follow one another, of which `chunk_index` fits best. `start` and `end` are offsets in UTF-16 code units into the document's
 * extracted text (`GET /api/knowledge/documents/:id/text`), so that `text === documentText.slice(start, end)`.
 */
export const sourceSchema = z.object({
  n: z.int().positive(),
  document_id: z.string(),
  filename: z.string(),
  version: z.int().positive(),
  chunk_index: z.int().nonnegative(),
  page: z.int().positive().optional(),
  page_end: z.int().positive().optional(),
  headings: z.array(z.string()),
  start: z.int().nonnegative(),
  end: z.int().nonnegative(),
  score: z.number(),
  text: z.string(),
});
export type Source = z.infer<typeof sourceSchema>;

/** Stages a document passes through, in order. */
export const INGEST_STAGES = ['extract', 'chunk', 'embed', 'upsert'] as const;

/** What an answer cost, in tokens. */
export const usageSchema = z.object({
  prompt_tokens: z.int().nonnegative(),
  completion_tokens: z.int().nonnegative(),
  /** True when the model sent no usage and the figures were counted from the text. */
  estimated: z.boolean().optional(),
  /** Citations of sources that do not exist, taken out of the answer; absent when there were none. */
  dropped_citations: z.int().positive().optional(),
});
export type Usage = z.infer<typeof usageSchema>;

/** Every record that a job's event log may hold. Exactly one of `done | failed | cancelled` ends a log. */
export const recordSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('queued'),
    /** Jobs ahead. */
    position: z.int().nonnegative(),
    /** From the rate at which jobs were taken since some wait, in the last minute at most; absent when none was. */
    estimated_wait_ms: z.int().nonnegative().optional(),
  }),
  z.object({ type: z.literal('started'), attempt: z.int().positive(), model: z.string().optional() }),
  z.object({ type: z.literal('sources'), sources: z.array(sourceSchema) }),
  z.object({
    type: z.literal('delta'),
    content: z.string().optional(),
    reasoning: z.string().optional(),
    tool_calls: z.array(z.unknown()).optional(),
  }),
  z.object({ type: z.literal('continued'), attempt: z.int().positive() }),
  z.object({ type: z.literal('reset'), attempt: z.int().positive() }),
  z.object({ type: z.literal('usage'), ...usageSchema.shape }),
  z.object({
    type: z.literal('progress'),
    stage: z.enum(INGEST_STAGES),
    done: z.int().nonnegative(),
    total: z.int().nonnegative(),
  }),
  z.object({
    type: z.literal('done'),
    /** The model's own word for a chat (`stop`, `length`, …); `indexed` for a document. */
    finish_reason: z.string(),
    chunks: z.int().nonnegative().optional(),
  }),
  z.object({
    type: z.literal('failed'),
    error: z.string(),
    code: z.string(),
    /** Seconds after which another try makes sense. */
    retry_after: z.int().nonnegative().optional(),
  }),
  z.object({ type: z.literal('cancelled') }),
]);

/** One record of an event log, as it is appended and as every renderer sees it. */
export type LogRecord = z.infer<typeof recordSchema>;

const TERMINAL_TYPES: ReadonlySet<string> = new Set(['done', 'failed', 'cancelled']);

/** The record that ends a log. */
export type TerminalRecord = Extract<LogRecord, { type: 'done' | 'failed' | 'cancelled' }>;

/** Whether a record ends its log; `append.lua` holds the same list. */
export function isTerminal(record: LogRecord): record is TerminalRecord {
  return TERMINAL_TYPES.has(record.type);
}
