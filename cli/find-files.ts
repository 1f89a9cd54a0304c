import { readdir, stat } from 'node:fs/promises';
import { basename, extname, join, relative, sep } from 'node:path';
import { documentTypeOf } from '@sluice/shared/document-type';
import { UsageError } from './config.ts';

/** A file to ingest. */
export interface LocalFile {
  path: string;
  /** Its path within the folder that was named, with slashes; the name of a file that was named by itself. */
  name: string;
  bytes: number;
}

/** What the inputs have. */
export interface FoundFiles {
  files: LocalFile[];
  /** Files of folders that Sluice does not read, by their ending. */
  leftOut: Map<string, number>;
}

/**
 * Finds the files of folders, and files that are named by themselves whatever they are.
 *
 * @throws {UsageError} when an input is not there, or a folder within cannot be read
 */
export async function findFiles(inputs: readonly string[]): Promise<FoundFiles> {
  const found: FoundFiles = { files: [], leftOut: new Map() };
  for (const input of inputs) {
    const stats = await stat(input).catch(() => {
      throw new UsageError(`There is no ${input}, or it cannot be read.`);
    });
    if (stats.isDirectory()) await searchFolder(input, found);
    else found.files.push({ path: input, name: basename(input), bytes: stats.size });
  }
  return found;
}

async function searchFolder(folder: string, { files, leftOut }: FoundFiles): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch((error: Error) => {
    throw new UsageError(`${folder} cannot be read: ${error.message}`);
  });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const parts = relative(folder, path).split(sep);
    if (!entry.isFile() || parts.some((part) => part.startsWith('.'))) continue;
    if (!isReadable(entry.name)) {
      const ending = extname(entry.name).toLowerCase() || 'no ending';
      leftOut.set(ending, (leftOut.get(ending) ?? 0) + 1);
      continue;
    }
    const { size } = await stat(path);
    files.push({ path, name: parts.join('/'), bytes: size });
  }
}

function isReadable(name: string): boolean {
  if (name.toLowerCase().endsWith('.zip')) return true;
  try {
    documentTypeOf(name);
    return true;
  } catch {
    return false;
  }
}
