import type { Logger } from 'pino';
import { UnavailableError } from '../errors.ts';
import { assertTenant, guardVectors } from './guard.ts';
import { nameIndex, type VectorSpace } from './names.ts';
import type { VectorStore } from './port.ts';
import { createQdrantClient } from './qdrant/client.ts';
import { ensureCollection } from './qdrant/collection.ts';
import { readStatus, toStoreError } from './qdrant/errors.ts';
import { storeUnavailable } from './unavailable.ts';
import { createTenantVectors, type SendRequest } from './qdrant/tenant.ts';

/** Which Qdrant, and which vectors. */
export interface QdrantStoreOptions extends VectorSpace {
  /** `http://host:6333`, or with a path where a proxy stands before Qdrant. */
  url: string;
  apiKey?: string | undefined;
  logger?: Pick<Logger, 'warn'> | undefined;
}

/**
 * Opens the store for production: one Qdrant collection per model and dimensions, created by whoever comes first.
 * Needs Qdrant 1.19 (`idf.corpus`, `update_filter`). When Qdrant is away, this still resolves, and each call tries again:
 * a service need not start after Qdrant.
 */
export async function openQdrantStore(options: QdrantStoreOptions): Promise<VectorStore> {
  const { url, apiKey, model, dimensions, logger } = options;
  const client = createQdrantClient(url, apiKey);
  const collection = `sluice_${nameIndex({ model, dimensions })}`;
  let ready: Promise<void> | undefined;
  let isClosed = false;

  async function ensureReady(): Promise<void> {
    ready ??= ensureCollection(client, collection, dimensions);
    try {
      await ready;
    } catch (error) {
      ready = undefined;
      throw error;
    }
  }

  const send: SendRequest = async (work) => {
    if (isClosed) throw storeUnavailable(new Error('the vector store has been closed'));
    try {
      await ensureReady();
      return await work(client, collection);
    } catch (error) {
      // 404: somebody deleted the collection; the next call creates it anew.
      if (readStatus(error) === 404) ready = undefined;
      throw toStoreError(error);
    }
  };

  async function ping(): Promise<void> {
    await send(() => client.collectionExists(collection));
  }

  try {
    await ping();
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    logger?.warn({ err: error, url }, 'Qdrant is not available yet');
  }
  return {
    space: { model, dimensions },
    forTenant(tenant) {
      assertTenant(tenant);
      return guardVectors(createTenantVectors(send, tenant), dimensions);
    },
    ping,
    async [Symbol.asyncDispose]() {
      isClosed = true;
    },
  };
}
