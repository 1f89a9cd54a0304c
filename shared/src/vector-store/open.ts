import { join } from 'node:path';
import type { Logger } from 'pino';
import type { VectorSpace } from './names.ts';
import type { VectorStore } from './port.ts';
import { openQdrantStore } from './qdrant.ts';
import { openSqliteStore } from './sqlite.ts';

/** Where vectors are kept, and which. */
export interface OpenVectorStoreOptions extends VectorSpace {
  /** Qdrant, when given and not empty. */
  qdrantUrl?: string | undefined;
  qdrantApiKey?: string | undefined;
  /** The SQLite store lives in its folder `vectors`. */
  dataDir: string;
  logger?: Pick<Logger, 'warn'> | undefined;
}

/**
 * Opens the vector store of the configuration; dispose it to let go of files and connections.
 *
 * @throws UnavailableError `vector_store_unavailable` when the SQLite file cannot be opened (Qdrant may come later)
 */
export async function openVectorStore(options: OpenVectorStoreOptions): Promise<VectorStore> {
  const { qdrantUrl, qdrantApiKey, dataDir, model, dimensions, logger } = options;
  if (qdrantUrl) {
    return await openQdrantStore({ url: qdrantUrl, apiKey: qdrantApiKey, model, dimensions, logger });
  }
  return await openSqliteStore({ folder: join(dataDir, 'vectors'), model, dimensions });
}
