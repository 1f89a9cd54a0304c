import { resolve } from 'node:path';
import type { z } from 'zod';
import { openDiskStore } from './blob-store/disk.ts';
import type { blobStoreSettings } from './config.ts';

/** Names of what is kept of a document. */
export const blobKeys = {
  original: (tenant: string, documentId: string, version: number) =>
    `${tenant}/${documentId}/v${version}/original`,
  text: (tenant: string, documentId: string, version: number) =>
    `${tenant}/${documentId}/v${version}/text.txt`,
  /** Pages and syntax of the text. */
  structure: (tenant: string, documentId: string, version: number) =>
    `${tenant}/${documentId}/v${version}/text.json`,
  version: (tenant: string, documentId: string, version: number) => `${tenant}/${documentId}/v${version}/`,
  document: (tenant: string, documentId: string) => `${tenant}/${documentId}/`,
};

/** A blob that is there. */
export interface StoredBlob {
  key: string;
  modifiedAt: Date;
}

/**
 * Uploaded files and the text extracted from them. Adapters: `blob-store/disk.ts`, `blob-store/s3.ts`; `tests/contract`
 * holds what both must pass. A prefix ends with `/` and means the folder of that name. Every method throws
 * `UnavailableError` (`blob_store_unavailable`) when the store cannot be reached or is full.
 */
export interface BlobStore {
  /** Moves a local file into the store, without holding it in memory. What has the key is replaced, at once. */
  putFile(key: string, localPath: string): Promise<void>;
  copy(from: string, to: string): Promise<void>;
  putText(key: string, text: string): Promise<void>;
  /** Rejects when there is no such blob, as `copy` and `withLocalFile` do. */
  getText(key: string): Promise<string>;
  /** Hands out the blob as a local file for as long as `use` runs; the file must not be changed. */
  withLocalFile<T>(key: string, use: (path: string) => Promise<T>): Promise<T>;
  /** Deletes all blobs under a prefix. Idempotent. */
  deleteAll(prefix: string): Promise<void>;
  /** All blobs under a prefix, or all there are, those of a folder together; one written meanwhile may be missing. */
  list(prefix?: string): AsyncIterable<StoredBlob>;
}

/** Which store, and where. */
export type BlobStoreSettings = z.output<z.ZodObject<typeof blobStoreSettings>> & { DATA_DIR: string };

const DEFAULT_REGION = 'us-east-1';

/** Opens the store of the configuration: S3-compatible storage where a bucket is set, else `<DATA_DIR>/blobs`. */
export async function openBlobStore(settings: BlobStoreSettings): Promise<BlobStore> {
  const { DATA_DIR, S3_BUCKET: bucket } = settings;
  if (bucket === undefined) return openDiskStore(resolve(DATA_DIR, 'blobs'));
  // The AWS SDK takes some 0.2 s and 50 MB to load.
  const { openS3Store } = await import('./blob-store/s3.ts');
  const { S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey } = settings;
  return openS3Store({
    bucket,
    endpoint: settings.S3_ENDPOINT,
    region: settings.S3_REGION ?? DEFAULT_REGION,
    forcePathStyle: settings.S3_FORCE_PATH_STYLE ?? settings.S3_ENDPOINT !== undefined,
    ...(accessKeyId !== undefined &&
      secretAccessKey !== undefined && { credentials: { accessKeyId, secretAccessKey } }),
  });
}
