import type { TenantVectors } from '@sluice/shared/vector-store/port';
import type { ChunkOptions } from '../services/ingest-worker/src/chunk.ts';
import { evaluateChunking } from './chunking.ts';
import { DATASETS, readDataset, readSpanDataset } from './datasets.ts';
import { newTenant } from './environment.ts';
import type { Environment } from './environment.ts';
import type { Report } from './kept.ts';
import { evaluateRetrieval } from './retrieval.ts';
import type { SearchIndex } from './search-index.ts';

/** The part of a report that a data set gives. */
export type Measured = Pick<Report, 'documents' | 'chunks' | 'queries' | 'figures'>;

/**
 * Measures with one data set in every store.
 *
 * @param root folder of the data sets that the project does not ship
 * @returns nothing when the data set is not there
 */
export async function evaluate(
  { model, embedding, stores }: Environment,
  name: string,
  root: string,
  chunking: ChunkOptions,
): Promise<Report[]> {
  const measure = prepare(name, root, chunking);
  if (!measure) return [];
  const reports: Report[] = [];
  for (const { name: storeName, store } of stores) {
    const started = performance.now();
    const vectors = store.forTenant(newTenant());
    const measured = await measure({ model, vectors });
    const seconds = Math.round((performance.now() - started) / 100) / 10;
    reports.push({ dataset: name, store: storeName, embedding: embedding.model, ...measured, seconds });
    await deleteAll(vectors);
  }
  return reports;
}

function prepare(
  name: string,
  root: string,
  chunking: ChunkOptions,
): ((index: SearchIndex) => Promise<Measured>) | undefined {
  if (DATASETS.chunking.includes(name)) {
    const dataset = readSpanDataset(name, root);
    return dataset && ((index) => evaluateChunking(index, dataset, chunking));
  }
  const dataset = readDataset(name, root);
  return dataset && ((index) => evaluateRetrieval(index, dataset));
}

async function deleteAll(vectors: TenantVectors): Promise<void> {
  const documents = new Set<string>();
  for await (const { documentId } of vectors.versions()) documents.add(documentId);
  for (const id of documents) await vectors.deleteDocument(id);
}
