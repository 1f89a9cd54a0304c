import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { copyFile, mkdir, opendir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { Disk } from 'flydrive';
import { FSDriver } from 'flydrive/drivers/fs';
import type { BlobStore, StoredBlob } from '../blob-store.ts';
import { guardBlobs } from './unavailable.ts';

/** Opens the store on disk, in a folder that is created when missing. */
export function openDiskStore(root: string): BlobStore {
  const disk = new Disk(new FSDriver({ location: root, visibility: 'private' }));
  return {
    putFile: (key, localPath) => guardBlobs(() => moveFile(localPath, join(root, key))),
    copy: (from, to) => guardBlobs(() => disk.copy(from, to)),
    putText: (key, text) => guardBlobs(() => disk.put(key, text)),
    getText: (key) => guardBlobs(() => disk.get(key)),
    async withLocalFile(key, use) {
      const path = join(root, key);
      await guardBlobs(() => stat(path));
      return use(path);
    },
    deleteAll: (prefix) => guardBlobs(() => disk.deleteAll(prefix)),
    list: (prefix = '') => listFiles(root, join(root, prefix)),
  };
}

/** flydrive would copy the bytes, and show a half-written file meanwhile. */
async function moveFile(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    const beside = `${to}.${randomUUID()}`;
    await copyFile(from, beside);
    await rename(beside, to);
    await rm(from, { force: true });
  }
}

/** Entry by entry: flydrive reads a whole tree into memory first. */
async function* listFiles(root: string, folder: string): AsyncGenerator<StoredBlob, void, void> {
  for await (const entry of openFolder(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      yield* listFiles(root, path);
      continue;
    }
    const found = await unlessGone(stat(path));
    if (found) yield { key: relative(root, path), modifiedAt: found.mtime };
  }
}

async function* openFolder(folder: string): AsyncGenerator<Dirent, void, void> {
  const entries = await unlessGone(opendir(folder));
  if (entries) yield* entries;
}

/** Files and folders come and go while they are listed. */
async function unlessGone<T>(found: Promise<T>): Promise<T | undefined> {
  return guardBlobs(() => found).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}
