import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { assertTenant, guardVectors } from './guard.ts';
import { nameIndex, type VectorSpace } from './names.ts';
import type { TenantVectors, VectorStore } from './port.ts';
import { type SqliteThread, startSqliteThread } from './sqlite/thread-client.ts';
import { storeUnavailable } from './unavailable.ts';

/** Where the SQLite store keeps its files, one per vector space. */
export interface SqliteStoreOptions extends VectorSpace {
  /** Created when missing. */
  folder: string;
}

/**
 * Opens the store that needs no server: one SQLite file for the model and dimensions, shared by any number of
 * processes, worked on by a thread of its own. What a method has acknowledged survives kill -9 and power failure.
 *
 * Good to about 100,000 chunks of 384 dimensions: a dense search reads every vector of the tenant.
 *
 * @throws UnavailableError `vector_store_unavailable` when the file cannot be opened
 */
export async function openSqliteStore({
  folder,
  model,
  dimensions,
}: SqliteStoreOptions): Promise<VectorStore> {
  const space = { model, dimensions };
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw storeUnavailable(error);
  });
  const thread = startSqliteThread({ path: join(folder, `${nameIndex(space)}.db`), space });
  try {
    await thread.call('ping');
  } catch (error) {
    await thread.stop();
    throw error;
  }
  return {
    space,
    forTenant(tenant) {
      assertTenant(tenant);
      return guardVectors(bindTenant(thread, tenant), dimensions);
    },
    ping: () => thread.call('ping'),
    [Symbol.asyncDispose]: () => thread.stop(),
  };
}

function bindTenant(thread: SqliteThread, tenant: string): TenantVectors {
  return {
    upsert: (points) => thread.call('upsert', tenant, points),
    activate: (documentId, version) => thread.call('activate', tenant, documentId, version),
    deleteDocument: (documentId, version) => thread.call('deleteDocument', tenant, documentId, version),
    relabel: (documentId, labels) => thread.call('relabel', tenant, documentId, labels),
    read: (refs) => thread.call('read', tenant, refs),
    async *versions() {
      yield* await thread.call('versions', tenant);
    },
    count: (documentId, version) => thread.call('count', tenant, documentId, version),
    search: (request) => thread.call('search', tenant, request),
  };
}
