import type { QdrantClient, Schemas } from '@qdrant/js-client-rest';
import { MAX_SEARCH_LIMIT } from '../guard.ts';
import { readStatus } from './errors.ts';

/** Most points that one upsert request may hold. */
export const MAX_UPSERT_BATCH = 128;

/** Every field that a filter names: strict mode refuses filters without an index. Only the tenant gets its own graph. */
const PAYLOAD_INDEXES = {
  tenant: { type: 'keyword', is_tenant: true },
  document: { type: 'keyword', enable_hnsw: false },
  version: { type: 'integer', enable_hnsw: false },
  active: { type: 'bool', enable_hnsw: false },
  collection: { type: 'keyword', enable_hnsw: false },
  labels: { type: 'keyword', enable_hnsw: false },
  index: { type: 'integer', enable_hnsw: false },
} satisfies Record<string, Schemas['PayloadSchemaParams']>;

/** Creates the collection and its payload indexes where they are missing; safe in several processes at once. */
export async function ensureCollection(
  client: QdrantClient,
  name: string,
  dimensions: number,
): Promise<void> {
  const { exists } = await client.collectionExists(name);
  if (!exists) await createCollection(client, name, dimensions);
  for (const [field, schema] of Object.entries(PAYLOAD_INDEXES)) {
    await client.createPayloadIndex(name, { field_name: field, field_schema: schema, wait: true });
  }
}

async function createCollection(client: QdrantClient, name: string, dimensions: number): Promise<void> {
  try {
    await client.createCollection(name, describeCollection(dimensions));
  } catch (error) {
    // 409: another process came first.
    if (readStatus(error) !== 409) throw error;
  }
}

/**
 * `m: 0` with `payload_m` builds one graph per tenant and none over all (qdrant.tech, "Multitenancy"). Searches run on
 * int8 copies in memory and are rescored with the vectors on disk.
 */
function describeCollection(dimensions: number): Schemas['CreateCollection'] {
  return {
    vectors: { dense: { size: dimensions, distance: 'Cosine', memory: 'cold' } },
    sparse_vectors: { bm25: { modifier: 'idf' } },
    hnsw_config: { m: 0, payload_m: 16 },
    quantization_config: { scalar: { type: 'int8', quantile: 0.99, memory: 'pinned' } },
    strict_mode_config: {
      enabled: true,
      unindexed_filtering_retrieve: false,
      unindexed_filtering_update: false,
      max_query_limit: MAX_SEARCH_LIMIT,
      upsert_max_batchsize: MAX_UPSERT_BATCH,
      filter_max_conditions: 32,
    },
  };
}
