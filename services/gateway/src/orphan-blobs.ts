import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { blobKeys } from '@sluice/shared/blob-store';
import { DEFAULT_TENANT, orphanBlobsKey } from '@sluice/shared/redis/keys';
import type { GatewayDeps } from './context.ts';

const HOUR_MS = 3_600_000;
/** Blobs younger than this are left alone, although nothing is stored before its document is registered. */
const MIN_AGE_MS = HOUR_MS;
/** Longer than any request may take, since the files of one are finished one after the other. */
const MIN_UPLOAD_AGE_MS = 25 * HOUR_MS;
/** Keys of documents, and nothing else that a bucket may hold. */
const DOCUMENT_BLOB = /^([a-z0-9_-]{1,64})\/(doc_[0-9a-f-]{36})\/v\d+\//;

type CollectorDeps = Pick<GatewayDeps, 'commands' | 'blobs' | 'documents' | 'logger'> & {
  settings: Pick<GatewayDeps['settings'], 'uploadDir'>;
};

/** Collects orphans now and every hour. */
export function startOrphanCollection(deps: CollectorDeps): AsyncDisposable {
  const stop = new AbortController();
  const { signal } = stop;
  const run = async () => {
    for (;;) {
      await collectOrphans(deps, signal).catch((error: unknown) =>
        deps.logger.warn({ err: error }, 'could not collect orphaned files; will try again in an hour'),
      );
      await delay(HOUR_MS, undefined, { signal, ref: false });
    }
  };
  // Rejects at the end only, with the reason of the signal.
  const running = run().catch(() => undefined);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

/** Removes what this gateway's own crashes left, and, where no gateway has done so for an hour, orphaned blobs. */
export async function collectOrphans(deps: CollectorDeps, signal?: AbortSignal): Promise<void> {
  await removeAbandonedUploads(deps.settings.uploadDir);
  const isOurTurn = await deps.commands.set(orphanBlobsKey, '1', 'PX', HOUR_MS, 'NX');
  if (isOurTurn !== 'OK') return;
  const deleted = await collectOrphanBlobs(deps, signal);
  if (deleted > 0) deps.logger.info({ documents: deleted }, 'deleted orphaned files');
}

/**
 * Deletes the blobs of documents that the registry does not know, where all of them are older than an hour: what is
 * left of deletions and uploads that a crash broke off.
 *
 * @returns how many documents had any
 */
export async function collectOrphanBlobs(
  { blobs, documents }: Pick<CollectorDeps, 'blobs' | 'documents'>,
  signal?: AbortSignal,
): Promise<number> {
  // A registry without any document has more likely been lost than emptied: its files may still be wanted.
  if ((await documents.list(DEFAULT_TENANT, { limit: 1 })).total === 0) return 0;
  const before = Date.now() - MIN_AGE_MS;
  let deleted = 0;
  for await (const { tenant, id, modifiedAt } of listDocuments(blobs)) {
    signal?.throwIfAborted();
    if (modifiedAt.getTime() > before || (await documents.find(tenant, id))) continue;
    await blobs.deleteAll(blobKeys.document(tenant, id));
    deleted += 1;
  }
  return deleted;
}

/** Documents that have blobs, each with the time of its newest. */
async function* listDocuments(
  blobs: CollectorDeps['blobs'],
): AsyncGenerator<{ tenant: string; id: string; modifiedAt: Date }, void, void> {
  let last: { tenant: string; id: string; modifiedAt: Date } | undefined;
  for await (const { key, modifiedAt } of blobs.list()) {
    const [, tenant, id] = DOCUMENT_BLOB.exec(key) ?? [];
    if (tenant === undefined || id === undefined) continue;
    if (last?.tenant === tenant && last.id === id) {
      if (modifiedAt > last.modifiedAt) last.modifiedAt = modifiedAt;
      continue;
    }
    if (last) yield last;
    last = { tenant, id, modifiedAt };
  }
  if (last) yield last;
}

/** Deletes what was received in part, or not taken over, by a gateway that crashed more than a day ago. */
export async function removeAbandonedUploads(dir: string): Promise<void> {
  const names = await readdir(dir).catch(() => []);
  for (const name of names) {
    const path = join(dir, name);
    const found = await stat(path).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > MIN_UPLOAD_AGE_MS)
      await rm(path, { recursive: true, force: true });
  }
}
