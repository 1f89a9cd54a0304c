import { QdrantClientResourceExhaustedError, QdrantClientTimeoutError } from '@qdrant/js-client-rest';
import { storeUnavailable } from '../unavailable.ts';

/** Statuses below 500 that a later attempt may not get: no right, no collection yet, too slow, too many. */
const RETRYABLE_STATUSES: ReadonlySet<number> = new Set([401, 403, 404, 408, 429]);

/** HTTP status of Qdrant's answer, when the error is one. */
export function readStatus(error: unknown): number | undefined {
  const status = error instanceof Error && 'status' in error ? error.status : undefined;
  return typeof status === 'number' ? status : undefined;
}

/**
 * Turns what the Qdrant client throws into an error of ours: `UnavailableError` when Qdrant cannot be reached or used,
 * else an `Error` with Qdrant's reason, which is a fault of this adapter and not for clients to read.
 */
export function toStoreError(error: unknown): unknown {
  const status = readStatus(error);
  if (status !== undefined) {
    const cause = new Error(`Qdrant answered ${status}: ${readReason(error)}`, { cause: error });
    return status >= 500 || RETRYABLE_STATUSES.has(status) ? storeUnavailable(cause) : cause;
  }
  if (error instanceof QdrantClientResourceExhaustedError) return storeUnavailable(error, error.retry_after);
  if (error instanceof QdrantClientTimeoutError) return storeUnavailable(error);
  // fetch reports a refused or broken connection as a TypeError whose cause is the system's error.
  if (error instanceof TypeError && error.cause !== undefined) return storeUnavailable(error);
  return error;
}

/** The client's own message is only the status text; the reason is in the answer's body. */
function readReason(error: unknown): string {
  const { data } = error as { data?: { status?: { error?: unknown } } };
  const reason = data?.status?.error;
  return typeof reason === 'string' ? reason : 'no reason given';
}
