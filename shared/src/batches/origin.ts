import { z } from 'zod';
import { batchSchema } from '../contracts/batches.ts';

/** What a batch was created with; it never changes. */
export const batchOriginSchema = batchSchema
  .pick({ id: true, name: true, collection: true, replace: true, metadata: true, created_at: true })
  .extend({
    /** Whose turn its documents take in the ingest queue. */
    caller: z.string(),
    /** Of the request that created it. */
    request_id: z.string(),
    /** The same, where it was traced. */
    traceparent: z.string().optional(),
    /** How long it is kept after its end. */
    retention_ms: z.int().positive(),
  });
export type BatchOrigin = z.infer<typeof batchOriginSchema>;

/** What the ids of batches begin with; a UUID follows. */
export const BATCH_PREFIX = 'batch_';

const CALLER_PREFIX = 'batch ';

/**
 * The batches of an address take turns with what it uploads by itself, so that a single upload does not wait for the
 * batch before it.
 */
export function batchCaller(address: string): string {
  return CALLER_PREFIX + address;
}

/** Whether a job's caller is a batch. */
export function isBatchCaller(caller: string): boolean {
  return caller.startsWith(CALLER_PREFIX);
}
