import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '@sluice/shared/logger';
import { createModelClient } from '@sluice/shared/model-client';
import type { ModelClient } from '@sluice/shared/model-client';
import { openVectorStore } from '@sluice/shared/vector-store/open';
import type { VectorStore } from '@sluice/shared/vector-store/port';
import { startOfflineModel } from '../dev/offline-model/server.ts';
import type { EvalConfig } from './config.ts';

export const OFFLINE_EMBEDDING = 'offline-embedding';
const OFFLINE_DIMENSIONS = 384;
const PROBE_MS = 3_000;

export type StoreName = 'sqlite' | 'qdrant';

/** What is measured with; all of it is let go of by the stack that it was acquired with. */
export interface Environment {
  model: ModelClient;
  embedding: { model: string; dimensions: number };
  stores: { name: StoreName; store: VectorStore }[];
}

/**
 * Acquires the embedding model of the configuration, else the offline one, an empty SQLite store, and Qdrant where it
 * answers.
 */
export async function acquireEnvironment(
  stack: AsyncDisposableStack,
  config: EvalConfig,
  logger: Logger,
): Promise<Environment> {
  const { model, embedding } = await openModel(stack, config, logger);
  // Not the name of the model alone: the collection of a product on the same Qdrant is not to be touched.
  const space = { model: `eval-${embedding.model}`, dimensions: embedding.dimensions };
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-eval-'));
  stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  const stores: Environment['stores'] = [
    { name: 'sqlite', store: stack.use(await openVectorStore({ dataDir, ...space })) },
  ];
  const { QDRANT_URL: qdrantUrl, QDRANT_API_KEY: qdrantApiKey } = config;
  if (qdrantUrl !== undefined) {
    if (await isReachable(qdrantUrl)) {
      const store = await openVectorStore({ qdrantUrl, qdrantApiKey, dataDir, ...space });
      stores.push({ name: 'qdrant', store: stack.use(store) });
    } else logger.warn('QDRANT_URL does not answer: measuring without Qdrant');
  }
  return { model, embedding, stores };
}

/** A tenant that nobody had before, so that what is measured is all that it finds. */
export function newTenant(): string {
  return `eval-${randomUUID()}`;
}

async function openModel(
  stack: AsyncDisposableStack,
  config: EvalConfig,
  logger: Logger,
): Promise<Pick<Environment, 'model' | 'embedding'>> {
  const isConfigured =
    config.OPENAI_API_KEY !== undefined ||
    config.OPENAI_BASE_URL !== undefined ||
    config.EMBEDDING_BASE_URL !== undefined;
  if (isConfigured) {
    const embedding = { model: config.EMBEDDING_MODEL, dimensions: config.EMBEDDING_DIMENSIONS };
    const settings = {
      apiKey: config.OPENAI_API_KEY,
      baseUrl: config.OPENAI_BASE_URL,
      embeddingBaseUrl: config.EMBEDDING_BASE_URL,
      embeddingApiKey: config.EMBEDDING_API_KEY,
      embeddingModel: embedding.model,
      embeddingDimensions: embedding.dimensions,
    };
    return { embedding, model: createModelClient(settings, logger) };
  }
  const embedding = { model: OFFLINE_EMBEDDING, dimensions: OFFLINE_DIMENSIONS };
  const offline = await startOfflineModel({
    host: '127.0.0.1',
    port: 0,
    tokenDelayMs: 0,
    dimensions: OFFLINE_DIMENSIONS,
  });
  stack.defer(() => offline.close());
  const settings = {
    apiKey: 'offline',
    baseUrl: offline.url,
    embeddingModel: embedding.model,
    embeddingDimensions: embedding.dimensions,
  };
  return { embedding, model: createModelClient(settings, logger) };
}

async function isReachable(qdrantUrl: string): Promise<boolean> {
  const answer = fetch(new URL('/readyz', qdrantUrl), { signal: AbortSignal.timeout(PROBE_MS) });
  return answer.then(
    () => true,
    () => false,
  );
}
