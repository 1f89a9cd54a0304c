import { UnavailableError } from '../errors.ts';

/**
 * The error of a store that cannot be reached or used now; both adapters throw this one.
 *
 * @param retryAfter seconds
 */
export function storeUnavailable(cause: unknown, retryAfter = 5): UnavailableError {
  return new UnavailableError(503, 'vector_store_unavailable', 'The vector store is not available.', {
    cause,
    retryAfter,
  });
}
