import { resolve } from 'node:path';
import { Disk } from 'flydrive';
import { FSDriver } from 'flydrive/drivers/fs';

/** Names of what is kept of a document. */
export const blobKeys = {
  original: (tenant: string, documentId: string, version: number) =>
    `${tenant}/${documentId}/v${version}/original`,
  text: (tenant: string, documentId: string, version: number) =>
    `${tenant}/${documentId}/v${version}/text.txt`,
  version: (tenant: string, documentId: string, version: number) => `${tenant}/${documentId}/v${version}/`,
  document: (tenant: string, documentId: string) => `${tenant}/${documentId}/`,
};

/** Uploaded files and the text extracted from them. */
export interface BlobStore {
  /** Moves a local file into the store. */
  putFile(key: string, localPath: string): Promise<void>;
  copy(from: string, to: string): Promise<void>;
  putText(key: string, text: string): Promise<void>;
  getText(key: string): Promise<string>;
  /** Hands out the blob as a local file for as long as `use` runs; the file must not be changed. */
  withLocalFile<T>(key: string, use: (path: string) => Promise<T>): Promise<T>;
  /** Deletes all blobs under a prefix. Idempotent. */
  deleteAll(prefix: string): Promise<void>;
}

/** Opens the store on disk, under `<dataDir>/blobs`. */
export function openBlobStore(dataDir: string): BlobStore {
  const root = resolve(dataDir, 'blobs');
  const disk = new Disk(new FSDriver({ location: root, visibility: 'private' }));
  return {
    putFile: (key, localPath) => disk.moveFromFs(localPath, key),
    copy: (from, to) => disk.copy(from, to),
    putText: (key, text) => disk.put(key, text),
    getText: (key) => disk.get(key),
    withLocalFile: (key, use) => use(resolve(root, key)),
    deleteAll: (prefix) => disk.deleteAll(prefix),
  };
}
