import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Request, Response } from 'express';
import multer from 'multer';
import type { StorageEngine } from 'multer';
import { RequestError } from '@sluice/shared/errors';
import { isArchive } from './expand-zip.ts';
import { asFormError, cleanPath, writeFile } from './receive-files.ts';
import type { ReceivedFile } from './receive-files.ts';

/** Files of one request that are worked on at the same time; the next is not read from the connection before. */
const AT_ONCE = 4;
const MAX_FIELDS = 20;

/** What a form with files may bring. */
export interface FormLimits {
  /** Where the files are written to. */
  dir: string;
  files: number;
  /** Of one file. */
  fileBytes: number;
  /** Of one archive. */
  archiveBytes: number;
  /** For the whole request. */
  timeoutMs: number;
}

/**
 * Streams the files of a form in the field `file`, one after the other, to disk and to `take`, which removes them. However
 * many they are, a few are on disk at a time, and the connection waits for them.
 *
 * @param take called with the form's text fields so far, those that came before the file
 * @throws what `take` throws, and RequestError: `no_file`, `late_field`, `invalid_form`, `upload_timeout`
 * @throws {MulterError} when there are too many files
 */
export async function receiveBatch(
  request: Request,
  response: Response,
  limits: FormLimits,
  take: (file: ReceivedFile, fields: Record<string, string>) => Promise<void>,
): Promise<void> {
  await mkdir(limits.dir, { recursive: true });
  const turns = createTurns(AT_ONCE);
  let fieldsAtFirst: number | undefined;
  // What calls it is the connection, which knows nothing of the request: log lines would be without its id.
  const takeNext = AsyncLocalStorage.bind(
    async (file: Express.Multer.File, fields: Record<string, string>) => {
      await turns.begin();
      const filename = cleanPath(file.originalname);
      const path = join(limits.dir, randomUUID());
      try {
        const maxBytes = isArchive(filename) ? limits.archiveBytes : limits.fileBytes;
        await take({ filename, path, ...(await writeFile(file.stream, path, maxBytes)) }, fields);
      } finally {
        await rm(path, { force: true });
        turns.end();
      }
    },
  );
  const storage: StorageEngine = {
    _handleFile(_request, file, done) {
      const fields = request.body as Record<string, string>;
      fieldsAtFirst ??= Object.keys(fields).length;
      takeNext(file, fields).then(() => done(null, {}), done);
    },
    _removeFile: (_request, _file, done) => done(null),
  };
  const receive = multer({
    storage,
    preservePath: true,
    // Without it multer reads file names as latin1, and 大模型.md comes in broken.
    defParamCharset: 'utf8',
    limits: {
      files: limits.files,
      fields: MAX_FIELDS,
      fieldSize: 64 * 1024,
      parts: limits.files + MAX_FIELDS,
    },
  }).array('file', limits.files);

  const received = new Promise<void>((resolve, reject) => {
    receive(request, response, (error: unknown) => (error ? reject(asFormError(error)) : resolve()));
  });
  await withinTime(received, response, limits.timeoutMs);
  if (fieldsAtFirst === undefined)
    throw new RequestError(400, 'no_file', 'Send one or more files in the multipart form field "file".');
  if (Object.keys(request.body as object).length > fieldsAtFirst)
    throw new RequestError(
      400,
      'late_field',
      'A text field came after a file and was not heeded. Send the text fields first.',
    );
}

/** What is still to come of a request that takes too long is not waited for: its connection is closed with the answer. */
async function withinTime(received: Promise<void>, response: Response, timeoutMs: number): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    response.set('Connection', 'close').once('finish', () => response.req.destroy());
    reject(timedOut(timeoutMs));
  }, timeoutMs);
  try {
    await Promise.race([received, late]);
  } finally {
    clearTimeout(timer);
    received.catch(() => {});
  }
}

/** Lets a few work at a time, in the order of their coming. */
function createTurns(count: number): { begin(): Promise<void>; end(): void } {
  const waiting: (() => void)[] = [];
  let free = count;
  return {
    async begin() {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
    },
    end() {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    },
  };
}

function timedOut(timeoutMs: number): RequestError {
  return new RequestError(
    408,
    'upload_timeout',
    `The upload took longer than ${Math.round(timeoutMs / 1_000)} s. What came of it is kept; send the rest in smaller requests.`,
  );
}
