import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { isVersionWanted } from '@sluice/shared/documents';
import type { DocumentRegistry } from '@sluice/shared/documents';
import type { Logger } from '@sluice/shared/logger';
import { labelsOf } from '@sluice/shared/metadata';
import type { ModelClient } from '@sluice/shared/model-client';
import type { RedisClient } from '@sluice/shared/redis/connection';
import { DEFAULT_TENANT, indexBuilderKey, indexProgressKey } from '@sluice/shared/redis/keys';
import type { VectorSpace } from '@sluice/shared/vector-store/names';
import type { TenantVectors, VectorStore } from '@sluice/shared/vector-store/port';
import { LOOK_MS, RELEASE_MS } from '@sluice/shared/vector-store/serving';
import type { SpaceRegistry } from '@sluice/shared/vector-store/spaces';
import { withHeadings } from './embed.ts';

/** How often a worker looks whether an index is to be built. */
const TICK_MS = 5_000;
/** A worker that builds and dies is replaced after this time. */
const LEAD_MS = 15_000;
/** How long a drain waits for the builder to have let go. */
const PATIENCE_MS = 1_000;
/** Chunks that are copied together. */
const BATCH = 64;
/** Documents that the new index may be behind when it begins to serve; what was ingested meanwhile follows. */
const MAX_BEHIND = 20;
/** Time after the switch in which documents may still end in the old index, which others see late and release later. */
const AFTERMATH_MS = RELEASE_MS + 5 * LOOK_MS;

/** What building an index needs. */
export interface BuilderDeps {
  redis: RedisClient;
  spaces: SpaceRegistry;
  /** What this worker is configured for. */
  configured: VectorSpace;
  openStore: (space: VectorSpace) => Promise<VectorStore>;
  documents: Pick<DocumentRegistry, 'find' | 'list'>;
  model: Pick<ModelClient, 'embed'>;
  logger: Logger;
}

/**
 * Builds the index of the embedding model that this worker is configured for, when another one serves: embeds every
 * chunk of it anew, in the background, one worker at a time, then has the new index serve. Searches go on with the old
 * one until then. What a crash interrupts is gone on with, not begun anew.
 */
export function startIndexBuilder(deps: BuilderDeps): AsyncDisposable {
  const stop = new AbortController();
  const { signal } = stop;
  const run = async () => {
    let isWanted = false;
    for (;;) {
      try {
        if (!isWanted) await wantConfigured(deps);
        isWanted = true;
        await buildWanted(deps, signal);
      } catch (error) {
        if (!signal.aborted)
          deps.logger.warn({ err: error }, 'could not build the index: will go on with it');
      }
      await delay(TICK_MS, undefined, { signal });
    }
  };
  // Rejects at the end only, with the reason of the signal.
  const running = run().catch(() => undefined);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      // While Redis is away a question to it does not end; the lease does, by itself.
      await Promise.race([running, delay(PATIENCE_MS)]);
    },
  };
}

async function wantConfigured({ spaces, configured, logger }: BuilderDeps): Promise<void> {
  if ((await spaces.want(configured)) !== 'replaced') return;
  logger.warn(
    configured,
    'the index of EMBEDDING_MODEL and EMBEDDING_DIMENSIONS was replaced less than a day ago, so it is not built again; is this worker configured like the others?',
  );
}

async function buildWanted(deps: BuilderDeps, signal: AbortSignal): Promise<void> {
  const { spaces, redis } = deps;
  const { building, leaving } = await spaces.read(deps.configured);
  if (!building && !leaving) return;
  const me = randomUUID();
  if ((await redis.set(indexBuilderKey, me, 'PX', LEAD_MS, 'NX')) !== 'OK') return;
  const lost = new AbortController();
  const renew = async () => {
    if ((await redis.get(indexBuilderKey)) === me) await redis.pexpire(indexBuilderKey, LEAD_MS);
    else lost.abort(new Error('another worker builds the index'));
  };
  const renewal = setInterval(() => void renew().catch(() => {}), LEAD_MS / 3);
  try {
    const ours = AbortSignal.any([signal, lost.signal]);
    if (building) await buildIndex(deps, building, ours);
    await followFormer(deps, ours);
  } finally {
    clearInterval(renewal);
    if ((await redis.get(indexBuilderKey)) === me) await redis.del(indexBuilderKey, indexProgressKey);
  }
}

/** Builds the index of a space from the one that serves, and has it serve. */
async function buildIndex(deps: BuilderDeps, building: VectorSpace, signal: AbortSignal): Promise<void> {
  const { spaces, logger, openStore } = deps;
  const { serving } = await spaces.read(deps.configured);
  await using source = await openStore(serving);
  await using target = await openStore(building);
  logger.info({ from: serving, to: building }, 'building an index');
  while ((await copyMissing(deps, source, target, signal)) > MAX_BEHIND);
  if (!(await spaces.switchTo(building))) return;
  logger.info({ to: building }, 'the new index serves');
}

/** Copies what still ends in the index that served before: documents that were begun before the switch. */
async function followFormer(deps: BuilderDeps, signal: AbortSignal): Promise<void> {
  const { spaces, logger, openStore } = deps;
  const { serving, leaving } = await spaces.read(deps.configured);
  if (!leaving) return;
  await using source = await openStore(leaving);
  await using target = await openStore(serving);
  const end = performance.now() + AFTERMATH_MS;
  do {
    await delay(2 * LOOK_MS, undefined, { signal });
    await copyMissing(deps, source, target, signal);
  } while (performance.now() < end);
  await spaces.left();
  logger.info({ from: leaving }, 'the index before is no longer used; its collection or file may be deleted');
}

/**
 * Copies what the target lacks of what the registry says is searchable, embedded anew, and deletes from it what nobody
 * needs.
 *
 * @returns how many documents were copied
 */
export async function copyMissing(
  deps: Pick<BuilderDeps, 'redis' | 'documents' | 'model'>,
  sourceStore: VectorStore,
  targetStore: VectorStore,
  signal: AbortSignal,
): Promise<number> {
  const [source, target] = [sourceStore.forTenant(DEFAULT_TENANT), targetStore.forTenant(DEFAULT_TENANT)];
  const { total } = await deps.documents.list(DEFAULT_TENANT, { limit: 1 });
  let [done, copied] = [0, 0];
  for await (const { documentId, version, active } of source.versions()) {
    signal.throwIfAborted();
    const document = await deps.documents.find(DEFAULT_TENANT, documentId);
    if (!active || document?.indexed_version !== version) continue;
    const chunks = await source.count(documentId, version);
    const labels = labelsOf(document.metadata);
    if ((await target.count(documentId, version)) === chunks) {
      await keepLabels(target, documentId, version, labels);
    } else {
      const embed = (texts: string[]) => deps.model.embed(texts, signal, targetStore.space);
      const isWhole = await copyVersion(source, target, { documentId, version, chunks, labels }, embed);
      // Deleted or replaced meanwhile: its points must not be found.
      const now = await deps.documents.find(DEFAULT_TENANT, documentId);
      if (isWhole && now?.indexed_version === version) {
        await target.activate(documentId, version);
        copied += 1;
      } else await target.deleteDocument(documentId, version);
    }
    await deps.redis.hset(indexProgressKey, { done: (done += 1), total });
  }
  for await (const { documentId, version } of target.versions()) {
    const document = await deps.documents.find(DEFAULT_TENANT, documentId);
    if (!document || !isVersionWanted(document, version)) await target.deleteDocument(documentId, version);
  }
  return copied;
}

/** @returns false when the source has it no longer */
async function copyVersion(
  source: TenantVectors,
  target: TenantVectors,
  of: { documentId: string; version: number; chunks: number; labels: string[] },
  embed: (texts: string[]) => Promise<Float32Array[]>,
): Promise<boolean> {
  const { documentId, version, chunks, labels } = of;
  for (let first = 0; first < chunks; first += BATCH) {
    const length = Math.min(BATCH, chunks - first);
    const refs = Array.from({ length }, (_, n) => ({ documentId, version, index: first + n }));
    const batch = await source.read(refs);
    if (batch.length !== length) return false;
    const texts = batch.map(withHeadings);
    const vectors = await embed(texts);
    await target.upsert(
      batch.map((chunk, n) => ({
        ...chunk,
        labels,
        indexedText: texts[n] as string,
        vector: vectors[n] as Float32Array,
      })),
    );
  }
  return true;
}

/** The metadata may have been changed since the chunks were copied; what the source has of it may be older. */
async function keepLabels(
  target: TenantVectors,
  documentId: string,
  version: number,
  labels: string[],
): Promise<void> {
  const [chunk] = await target.read([{ documentId, version, index: 0 }]);
  if (chunk && JSON.stringify(chunk.labels) !== JSON.stringify(labels))
    await target.relabel(documentId, labels);
}
