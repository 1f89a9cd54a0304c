import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { blobKeys } from '@sluice/shared/blob-store';
import { DEFAULT_TENANT } from '@sluice/shared/redis/keys';
import type { GatewayDeps } from './context.ts';

const HOUR_MS = 3_600_000;
/** Blobs younger than this are left alone, although nothing is stored before its document is registered. */
const MIN_AGE_MS = HOUR_MS;
/** Longer than any request may take, since the files of one are finished one after the other. */
const MIN_UPLOAD_AGE_MS = 25 * HOUR_MS;
/** Keys of documents, and nothing else that a bucket may hold. */
const DOCUMENT_BLOB = /^([a-z0-9_-]{1,64})\/(doc_[0-9a-f-]{36})\/v(\d+)\//;

/**
 * Deletes the blobs of documents that the registry does not know, and of versions that are neither the newest nor
 * searchable, where all of them are older than an hour: what is left of deletions and uploads that a crash broke off.
 *
 * @returns how many versions had any
 */
export async function collectOrphanBlobs(
  { blobs, documents }: Pick<GatewayDeps, 'blobs' | 'documents'>,
  signal?: AbortSignal,
): Promise<number> {
  // A registry without any document has more likely been lost than emptied: its files may still be wanted.
  if ((await documents.list(DEFAULT_TENANT, { limit: 1 })).total === 0) return 0;
  const before = Date.now() - MIN_AGE_MS;
  let deleted = 0;
  for await (const { tenant, id, version, modifiedAt } of listVersions(blobs)) {
    signal?.throwIfAborted();
    if (modifiedAt.getTime() > before) continue;
    const document = await documents.find(tenant, id);
    if (document && (version === document.version || version === document.indexed_version)) continue;
    await blobs.deleteAll(blobKeys.version(tenant, id, version));
    deleted += 1;
  }
  return deleted;
}

interface KeptVersion {
  tenant: string;
  id: string;
  version: number;
  /** Of its newest blob. */
  modifiedAt: Date;
}

/** Versions that have blobs; those of one come after one another. */
async function* listVersions(blobs: GatewayDeps['blobs']): AsyncGenerator<KeptVersion, void, void> {
  let last: KeptVersion | undefined;
  for await (const { key, modifiedAt } of blobs.list()) {
    const [, tenant, id, number] = DOCUMENT_BLOB.exec(key) ?? [];
    if (tenant === undefined || id === undefined) continue;
    const version = Number(number);
    if (last?.tenant === tenant && last.id === id && last.version === version) {
      if (modifiedAt > last.modifiedAt) last.modifiedAt = modifiedAt;
      continue;
    }
    if (last) yield last;
    last = { tenant, id, version, modifiedAt };
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
