import { RequestError, SluiceError } from '../errors.ts';
import type { TenantVectors } from './port.ts';

/** Most hits per ranking that a search may ask for; Qdrant's strict mode is set to the same. */
export const MAX_SEARCH_LIMIT = 200;

/** Most chunks that one call reads. */
export const MAX_READ = 200;

/**
 * One tenant's view with its arguments checked, so that both adapters refuse the same things in the same words.
 *
 * @throws SluiceError `wrong_vector_length` or `invalid_vector`, RequestError `invalid_limit`, from `upsert` and `search`
 */
export function guardVectors(vectors: TenantVectors, dimensions: number): TenantVectors {
  return {
    ...vectors,
    async upsert(points) {
      for (const point of points) assertVector(point.vector, dimensions);
      if (points.length > 0) await vectors.upsert(points);
    },
    async search(request) {
      if (!Number.isInteger(request.limit) || request.limit < 1 || request.limit > MAX_SEARCH_LIMIT) {
        throw new RequestError(
          400,
          'invalid_limit',
          `The limit must be an integer from 1 to ${MAX_SEARCH_LIMIT}.`,
        );
      }
      if (request.vector) assertVector(request.vector, dimensions);
      const { documents, collections, labels } = request.filter ?? {};
      const matchesNothing = [documents, collections, ...(labels ?? [])].some((any) => any?.length === 0);
      if (matchesNothing) return { dense: [], lexical: [] };
      return await vectors.search(request);
    },
    async read(refs) {
      if (refs.length > MAX_READ) throw new RangeError(`at most ${MAX_READ} chunks can be read at once`);
      return refs.length === 0 ? [] : await vectors.read(refs);
    },
  };
}

/**
 * Refuses an empty tenant, which could only come from a missing one, and lone surrogates: UTF-8 turns every one of
 * them into U+FFFD, so that two tenants would share data.
 */
export function assertTenant(tenant: string): void {
  if (tenant === '' || !tenant.isWellFormed())
    throw new TypeError('a tenant must be a well-formed, non-empty string');
}

function assertVector(vector: Float32Array, dimensions: number): void {
  if (vector.length !== dimensions) {
    throw new SluiceError(
      500,
      'wrong_vector_length',
      `The embedding has ${vector.length} dimensions where the vector store holds ${dimensions}.`,
    );
  }
  if (!vector.every(Number.isFinite)) {
    throw new SluiceError(500, 'invalid_vector', 'The embedding holds values that are not finite numbers.');
  }
}
