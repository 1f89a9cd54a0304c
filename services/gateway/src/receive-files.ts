import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Transform } from 'node:stream';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Request, Response } from 'express';
import multer from 'multer';
import type { StorageEngine } from 'multer';
import { DocumentError, RequestError } from '@sluice/shared/errors';

/** Most files of one upload. */
export const MAX_FILES = 100;
/** Bytes past the limit that are still read, so that the client sends its last byte and then reads the answer instead of a reset connection. */
const OVERRUN_BYTES = 16 * 1024 ** 2;

/** A file on local disk, or why it was not taken. The caller removes the file or moves it away. */
export interface ReceivedFile {
  filename: string;
  path: string;
  bytes: number;
  /** SHA-256, hex. */
  hash: string;
  refusal?: DocumentError;
}

/** Receives the files of one request into `dir`. */
export type FileReceiver = (request: Request, response: Response) => Promise<ReceivedFile[]>;

/**
 * Streams multipart files in the field `file` to disk, hashing on the way; none is held in memory.
 *
 * @param options.maxBytes of one file; a longer one is refused by itself, the others are taken
 */
export function createFileReceiver(options: { dir: string; maxBytes: number }): FileReceiver {
  const receive = multer({
    storage: diskWriter(options),
    // Without it multer reads file names as latin1, and 大模型.md comes in broken.
    defParamCharset: 'utf8',
    limits: { files: MAX_FILES, fields: 20, fieldSize: 64 * 1024, parts: MAX_FILES + 20 },
  }).array('file', MAX_FILES);

  return async (request, response) => {
    const announced = Number(request.get('content-length') ?? 0);
    if (announced > MAX_FILES * options.maxBytes + OVERRUN_BYTES) throw tooLarge(options.maxBytes);
    await mkdir(options.dir, { recursive: true });
    await new Promise<void>((resolve, reject) => {
      receive(request, response, (error: unknown) => (error ? reject(asFormError(error)) : resolve()));
    });
    const files = (request.files ?? []) as (Express.Multer.File & ReceivedFile)[];
    if (files.length === 0)
      throw new RequestError(400, 'no_file', 'Send one or more files in the multipart form field "file".');
    return files.map(({ originalname, path, bytes, hash, refusal }) => ({
      filename: cleanFilename(originalname),
      path,
      bytes,
      hash,
      ...(refusal && { refusal }),
    }));
  };
}

function diskWriter({ dir, maxBytes }: { dir: string; maxBytes: number }): StorageEngine {
  return {
    _handleFile(_request, file, done) {
      const path = join(dir, randomUUID());
      writeFile(file.stream, path, maxBytes).then(
        (written) => done(null, { path, ...written } as Partial<Express.Multer.File>),
        async (error: unknown) => {
          await rm(path, { force: true });
          done(error);
        },
      );
    },
    _removeFile(_request, file, done) {
      rm(file.path, { force: true }).then(() => done(null), done);
    },
  };
}

/**
 * Streams a file to disk, hashing on the way. What is beyond `maxBytes` is read and dropped, and the file refused.
 *
 * @throws {DocumentError} `too_large` when it goes on and on
 */
export async function writeFile(
  stream: Readable,
  path: string,
  maxBytes: number,
): Promise<Omit<ReceivedFile, 'filename' | 'path'>> {
  const hash = createHash('sha256');
  let bytes = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      bytes += chunk.length;
      if (bytes > maxBytes + OVERRUN_BYTES) return next(tooLarge(maxBytes));
      if (bytes > maxBytes) return next();
      hash.update(chunk);
      next(null, chunk);
    },
  });
  await pipeline(stream, measure, createWriteStream(path));
  return { bytes, hash: hash.digest('hex'), ...(bytes > maxBytes && { refusal: tooLarge(maxBytes) }) };
}

/** The refusal of a file that is larger than it may be. */
export function tooLarge(maxBytes: number): DocumentError {
  const limit =
    maxBytes >= 1024 ** 2 ? `${Math.floor((maxBytes / 1024 ** 2) * 10) / 10} MiB` : `${maxBytes} bytes`;
  return new DocumentError('too_large', `The file is larger than ${limit}, the most that is accepted.`);
}

/** Errors of multer have their own class; what busboy throws at a malformed form has none. */
export function asFormError(error: unknown): unknown {
  if (
    error instanceof Error &&
    /^(Multipart|Request (aborted|closed)|Unexpected end of (form|multipart)|Malformed|Unsupported content type|Missing Content-Type)/i.test(
      error.message,
    )
  ) {
    return new RequestError(400, 'invalid_form', 'The multipart form is malformed or was cut off.', {
      cause: error,
    });
  }
  return error;
}

const MAX_FILENAME = 255;
const MAX_PATH = 512;

/** The last part of a path, well-formed, without control characters, at most 255 characters: the end, with the type. */
export function cleanFilename(name: string): string {
  const characters = Array.from(cleanPart(basename(name.replaceAll('\\', '/'))));
  return characters.slice(-MAX_FILENAME).join('') || 'unnamed';
}

/** A path to show and to tell files apart by, at most 512 characters: relative, its parts cleaned like file names. */
export function cleanPath(path: string): string {
  const parts = path.replaceAll('\\', '/').split('/').map(cleanPart);
  const kept = parts.filter((part) => part !== '' && part !== '.' && part !== '..');
  return Array.from(kept.join('/')).slice(-MAX_PATH).join('') || 'unnamed';
}

function cleanPart(part: string): string {
  return part
    .toWellFormed()
    .replace(/\p{Cc}/gu, '')
    .normalize('NFC')
    .trim();
}
