import { randomUUID } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openPromise, validateFileName } from 'yauzl';
import type { Entry, ZipFile } from 'yauzl';
import { documentTypeOf } from '@sluice/shared/document-type';
import { DocumentError, RequestError } from '@sluice/shared/errors';
import type { SluiceError } from '@sluice/shared/errors';
import { cleanPath, tooLarge, writeFile } from './receive-files.ts';
import type { ReceivedFile } from './receive-files.ts';
import { createNameReader } from './zip-names.ts';

/** Bounds of what an archive may unpack to. */
export interface ZipLimits {
  entries: number;
  /** Of all entries together. */
  inflatedBytes: number;
  /** Of one entry. */
  entryBytes: number;
}

/** A file that was not taken out of an archive. */
export interface RefusedEntry {
  /** Its path in the archive. */
  filename: string;
  refusal: SluiceError;
}

/** Text unpacks to ten times its size, logs to a hundred; deflate's most is 1,032. */
const MAX_RATIO = 200;
/** Bytes of an entry's name and notes, on average: all of them are held in memory at once. */
const MAX_LISTED_BYTES = 2_048;
/** Archives that unpack to less may have any ratio. */
const RATIO_FREE_BYTES = 16 * 1024 ** 2;
/** What archivers and file managers add by themselves. */
const LITTER = /(?:^|\/)(?:__MACOSX\/.*|\.DS_Store|Thumbs\.db|desktop\.ini)$/i;
/** A zip's Unix mode, in the upper half of the attributes: file type, and that of a symbolic link. */
const FILE_TYPE = 0o170000;
const SYMBOLIC_LINK = 0o120000;

/**
 * Takes the files out of a zip archive, one after the other, each to a file of its own in `dir` that whoever gets it
 * removes or moves away. Entry names are never used as paths. An entry that is refused does not touch the others; what
 * cannot be read is not even unpacked.
 *
 * @param path the archive, a local file
 * @throws {DocumentError} when the archive is refused whole: `corrupt`, `too_large_uncompressed`
 * @throws {RequestError} `too_many_files`
 */
export async function* expandZip(
  path: string,
  options: { dir: string; limits: ZipLimits },
): AsyncGenerator<ReceivedFile | RefusedEntry, void, void> {
  const { size } = await stat(path);
  await using stack = new AsyncDisposableStack();
  const zip = await openPromise(path, { decodeStrings: false, autoClose: false }).catch(throwCorrupt);
  stack.defer(() => zip.close());
  const entries = await listEntries(zip, options.limits);
  checkSizes(entries, size, options.limits);
  const nameOf = createNameReader(entries);
  for (const entry of entries) {
    const name = nameOf(entry);
    if (name.endsWith('/') || LITTER.test(name)) continue;
    const filename = cleanPath(name);
    const refusal = refuseEntry(entry, name, options.limits);
    yield refusal ? { filename, refusal } : await inflate(zip, entry, filename, options);
  }
}

async function listEntries(zip: ZipFile, limits: ZipLimits): Promise<Entry[]> {
  if (zip.entryCount > limits.entries)
    throw new RequestError(
      413,
      'too_many_files',
      `The archive has ${zip.entryCount} entries; ${limits.entries} are the most that are accepted. Split it.`,
    );
  const entries: Entry[] = [];
  let bytes = 0;
  try {
    for await (const entry of zip.eachEntry()) {
      bytes += entry.fileNameLength + entry.extraFieldLength + entry.fileCommentLength;
      if (bytes > limits.entries * MAX_LISTED_BYTES) throw new Error('the list of files is too long');
      entries.push(entry);
    }
  } catch (error) {
    throwCorrupt(error);
  }
  return entries;
}

/**
 * Declared sizes hold: yauzl fails as soon as an entry unpacks to more. Entries that share their bytes, which is how the
 * worst archives are made, pack more together than the archive has.
 */
function checkSizes(entries: readonly Entry[], archiveBytes: number, limits: ZipLimits): void {
  const packed = entries.reduce((sum, entry) => sum + entry.compressedSize, 0);
  const unpacked = entries.reduce((sum, entry) => sum + entry.uncompressedSize, 0);
  const isBomb =
    packed > archiveBytes || (unpacked > RATIO_FREE_BYTES && unpacked > MAX_RATIO * archiveBytes);
  if (!isBomb && unpacked <= limits.inflatedBytes) return;
  throw new DocumentError(
    'too_large_uncompressed',
    isBomb
      ? 'The archive claims to unpack to far more than its size allows. Pack the files again.'
      : `The archive unpacks to ${Math.ceil(unpacked / 1024 ** 2)} MiB; ${Math.floor(limits.inflatedBytes / 1024 ** 2)} MiB are the most that are accepted. Split it.`,
  );
}

function refuseEntry(entry: Entry, name: string, { entryBytes }: ZipLimits): SluiceError | undefined {
  if (validateFileName(name) !== null)
    return new RequestError(422, 'unsafe_path', 'The path leads out of the archive. Pack the file again.');
  if (((entry.externalFileAttributes >>> 16) & FILE_TYPE) === SYMBOLIC_LINK)
    return new RequestError(422, 'symbolic_link', 'It is a link to a file. Pack the file itself.');
  if (entry.isEncrypted())
    return new DocumentError('encrypted', 'The archive is protected with a password. Pack it without one.');
  if (!entry.canDecodeFileData())
    return new DocumentError(
      'unsupported_type',
      'It is packed by a method other than deflate. Pack it as a plain zip.',
    );
  if (isArchive(name))
    return new DocumentError(
      'unsupported_type',
      'Archives inside archives are not opened. Unpack it and send it by itself.',
    );
  if (entry.uncompressedSize > entryBytes) return tooLarge(entryBytes);
  try {
    documentTypeOf(name);
    return undefined;
  } catch (error) {
    if (error instanceof DocumentError) return error;
    throw error;
  }
}

/** Whether a file of this name is unpacked. */
export function isArchive(filename: string): boolean {
  return filename.toLowerCase().endsWith('.zip');
}

async function inflate(
  zip: ZipFile,
  entry: Entry,
  filename: string,
  { dir, limits }: { dir: string; limits: ZipLimits },
): Promise<ReceivedFile | RefusedEntry> {
  const path = join(dir, randomUUID());
  try {
    const stream = await zip.openReadStreamPromise(entry);
    return { filename, path, ...(await writeFile(stream, path, limits.entryBytes)) };
  } catch (cause) {
    await rm(path, { force: true });
    if (isDiskError(cause)) throw cause;
    const message = 'This file of the archive is damaged. Pack it again.';
    return { filename, refusal: new DocumentError('corrupt', message, { cause }) };
  }
}

function throwCorrupt(cause: unknown): never {
  if (isDiskError(cause)) throw cause;
  throw new DocumentError(
    'corrupt',
    'The file is damaged or not a zip archive. Pack it again, or send the files themselves.',
    { cause },
  );
}

/** What is wrong with the disk is not the archive's fault. */
function isDiskError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
