import { createHash } from 'node:crypto';
import { createReadStream, openAsBlob } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { FileInput, KnownDocument, SluiceClient } from '../client/src/index.ts';
import type { IngestPlan } from './config.ts';
import type { LocalFile } from './find-files.ts';

/** A file that could not be ingested, and why. */
export interface LocalFailure {
  name: string;
  code: string;
  message: string;
}

/** What happens on the way to the uploads. */
export interface QueueListener {
  /** Its bytes are there; they came with the batch, if that is known. */
  onSkipped: (batch: string | undefined) => unknown;
  onFailed: (failure: LocalFailure) => unknown;
}

type QueueOptions = Pick<IngestPlan, 'collection' | 'replace'> & { signal: AbortSignal };

/** Files that are hashed and looked up together. */
const GROUP = 200;
const HASHED_AT_ONCE = 4;
/** Most files and bytes of one request; a file that is larger goes alone. */
const FORM_FILES = 32;
const FORM_BYTES = 8 * 1024 ** 2;

/**
 * Hashes the files, leaves out what the server has, and gives the rest in groups for one request each. Nothing is read
 * much before it is asked for. Where files replace documents, bytes that another document has are not left out: they may
 * be what this one is to become.
 */
export async function* queueUploads(
  client: SluiceClient,
  files: readonly LocalFile[],
  options: QueueOptions,
  listener: QueueListener,
): AsyncGenerator<LocalFile[], void, void> {
  let form: LocalFile[] = [];
  for (let i = 0; i < files.length; i += GROUP) {
    for (const file of await findUnknown(client, files.slice(i, i + GROUP), options, listener)) {
      if (form.length > 0 && (form.length === FORM_FILES || sizeOf(form) + file.bytes > FORM_BYTES)) {
        yield form;
        form = [];
      }
      form.push(file);
    }
  }
  if (form.length > 0) yield form;
}

/**
 * Opens a file for an upload. Small ones are read: a file that changes while it is sent would break the request with
 * all its other files.
 */
export async function openFile({ path, name, bytes }: LocalFile): Promise<FileInput> {
  return { name, content: bytes > FORM_BYTES ? await openAsBlob(path) : new Blob([await readFile(path)]) };
}

async function findUnknown(
  client: SluiceClient,
  files: readonly LocalFile[],
  { collection, replace, signal }: QueueOptions,
  { onSkipped, onFailed }: QueueListener,
): Promise<LocalFile[]> {
  const hashes = new Map<LocalFile, string>();
  const left = files.values();
  const hashNext = async () => {
    for (const file of left) {
      signal.throwIfAborted();
      try {
        hashes.set(file, await hashFile(file.path));
      } catch (error) {
        onFailed(unreadable(file, error));
      }
    }
  };
  await Promise.all(Array.from({ length: HASHED_AT_ONCE }, hashNext));
  const known = await client.knowledge.lookup([...new Set(hashes.values())], { collection, signal });
  const there = new Map(known.filter(({ status }) => status !== 'failed').map((one) => [one.hash, one]));
  return files.filter((file) => {
    const hash = hashes.get(file);
    if (hash === undefined) return false;
    const one = there.get(hash);
    if (!one || !isSame(one, file, replace)) return true;
    onSkipped(one.batch);
    return false;
  });
}

/** Whether a document with a file's bytes is the one that the file would become. */
function isSame(
  { external_id, filename }: KnownDocument,
  { name }: LocalFile,
  replace: IngestPlan['replace'],
): boolean {
  const path = name.normalize('NFC');
  if (replace === 'external_id') return external_id === path;
  return replace === 'none' || filename === basename(path);
}

/** What to say of a file that cannot be read. */
export function unreadable({ name }: LocalFile, error: unknown): LocalFailure {
  return { name, code: 'unreadable', message: (error as Error).message };
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

function sizeOf(files: readonly LocalFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
