import { SluiceError } from '../../errors.ts';
import type { VectorSpace } from '../names.ts';
import { storeUnavailable } from '../unavailable.ts';
import type { SqliteReader } from './read.ts';
import type { SqliteWriter } from './write.ts';

/** Where the thread finds its file. */
export interface SqliteThreadOptions {
  path: string;
  space: VectorSpace;
}

/** What the main thread may call. */
export type SqliteOperations = SqliteReader & SqliteWriter & { close(): void };

/** A call from the main thread. */
export interface SqliteRequest {
  id: number;
  method: keyof SqliteOperations;
  args: readonly unknown[];
}

/** The answer to the request of the same id. */
export type SqliteReply = { id: number; value: unknown } | { id: number; failure: Failure };

/** An error as plain data: structured clone drops an error's class and its own properties. */
export interface Failure {
  message: string;
  stack: string | undefined;
  /** Of a SluiceError. */
  status?: number;
  /** Of a SluiceError, or `ERR_SQLITE_ERROR`. */
  code?: string;
  /** SQLite's extended result code. */
  errcode?: number;
}

/** SQLite's primary result codes that speak of the file or the disk, not of the statement (sqlite.org/rescode.html). */
const UNAVAILABLE_CODES: ReadonlySet<number> = new Set([
  5, // SQLITE_BUSY
  8, // SQLITE_READONLY
  10, // SQLITE_IOERR
  11, // SQLITE_CORRUPT
  13, // SQLITE_FULL
  14, // SQLITE_CANTOPEN
  26, // SQLITE_NOTADB
]);

/** Flattens an error for its way across threads. */
export function toFailure(error: unknown): Failure {
  if (!(error instanceof Error)) return { message: String(error), stack: undefined };
  const { message, stack } = error;
  if (error instanceof SluiceError) return { message, stack, status: error.status, code: error.code };
  const { code, errcode } = error as { code?: string; errcode?: number };
  return { message, stack, ...(code !== undefined && { code }), ...(errcode !== undefined && { errcode }) };
}

/** Restores an error on the main thread; SQLite's own becomes an UnavailableError where the file or disk is at fault. */
export function fromFailure({ message, stack, status, code, errcode }: Failure): Error {
  if (status !== undefined && code !== undefined) return new SluiceError(status, code, message);
  const cause = Object.assign(new Error(message), { code, errcode });
  if (stack !== undefined) cause.stack = stack;
  return errcode !== undefined && UNAVAILABLE_CODES.has(errcode & 0xff) ? storeUnavailable(cause) : cause;
}
