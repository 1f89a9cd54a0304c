import { recordSchema } from '../contracts/events.ts';
import type { LogRecord } from '../contracts/events.ts';

/** A record with the id that the log gave it: `<attempt>-<seq>`. */
export interface LogEntry {
  id: string;
  record: LogRecord;
}

/** Position before the first record of every log. */
export const LOG_START = '0-0';

const ID = /^(\d{1,9})-(\d{1,12})$/;

/** Whether a client's cursor has the form of a log id. */
export function isLogId(value: string): boolean {
  return ID.test(value);
}

/** Order of two log ids: below 0, 0 or above 0. */
export function compareLogIds(a: string, b: string): number {
  const [, attemptA, seqA] = ID.exec(a) ?? [];
  const [, attemptB, seqB] = ID.exec(b) ?? [];
  return Number(attemptA) - Number(attemptB) || Number(seqA) - Number(seqB);
}

/** The attempt that wrote an entry; 0 for what came before the first. */
export function attemptOf(id: string): number {
  return Number(ID.exec(id)?.[1]);
}

/** The number of an entry within its attempt. */
export function seqOf(id: string): number {
  return Number(ID.exec(id)?.[2]);
}

/**
 * The attempt of a job that was taken: the queue's count, or one above what the log has seen, should the queue have
 * forgotten that the job was taken before (its node failed over).
 */
export function nextAttempt(taken: number, last: LogEntry | undefined): number {
  return Math.max(taken, last ? attemptOf(last.id) + 1 : 0);
}

/** The least id above `id`: where a read after `id` begins. (Redis has exclusive ranges only since 6.2.) */
export function nextLogId(id: string): string {
  const [, attempt, seq] = ID.exec(id) ?? [];
  return `${attempt}-${Number(seq) + 1}`;
}

/** A record as the two strings that the stream stores: its type and the JSON of the rest. */
export function encodeRecord(record: LogRecord): [type: string, data: string] {
  const { type, ...data } = record;
  return [type, JSON.stringify(data)];
}

function decodeRecord(type: string, data: string): LogRecord {
  return recordSchema.parse({ type, ...(JSON.parse(data) as object) });
}

/**
 * Decodes one entry of XRANGE.
 *
 * @throws when the entry belongs to another tenant or is no record: a log is written by Sluice alone, so this is a bug
 */
export function decodeEntry(tenant: string, [id, fields]: [id: string, fields: string[]]): LogEntry {
  const [, type = '', , owner, , data = ''] = fields;
  if (owner !== tenant) throw new Error(`log entry ${id} does not belong to tenant ${tenant}`);
  return { id, record: decodeRecord(type, data) };
}

/** A doorbell message, decoded: the entry and the id it follows. */
export interface Ring {
  prev: string;
  entry: LogEntry;
}

/** Decodes `<prev> <id> <type> <tenant> <data>`; only `data` may contain spaces. */
export function decodeRing(tenant: string, message: string): Ring {
  const [prev = '', id = '', type = '', owner = ''] = message.split(' ', 4);
  const data = message.slice(prev.length + id.length + type.length + owner.length + 4);
  return { prev, entry: decodeEntry(tenant, [id, ['type', type, 'tenant', owner, 'data', data]]) };
}
