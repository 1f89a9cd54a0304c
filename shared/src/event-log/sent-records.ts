import type { LogRecord } from '../contracts/events.ts';
import { attemptOf, seqOf } from './entry.ts';

/** Text of records kept; beyond it the oldest go. An answer is seldom longer. */
const MAX_KEPT_CHARS = 256 * 1024;

/**
 * What a writer has appended, kept for the case that the log forgets it: a replica that becomes master lacks what its
 * master had acknowledged and not yet sent on, while readers have delivered it already. Appended again under the same
 * ids, byte for byte, it makes the log what they know.
 */
export class SentRecords {
  readonly #attempt: number;
  /** Id of the entry that the attempt's first record follows. */
  #base: string | undefined;
  #kept: LogRecord[] = [];
  #keptChars = 0;
  #nextSeq = 1;

  constructor(attempt: number) {
    this.#attempt = attempt;
  }

  /** Number of the next record within the attempt. */
  get nextSeq(): number {
    return this.#nextSeq;
  }

  /** The entry that the attempt's first record follows; undefined before that is written. */
  get base(): string | undefined {
    return this.#base;
  }

  add(records: readonly LogRecord[]): void {
    this.#nextSeq += records.length;
    this.#kept.push(...records);
    for (const record of records) this.#keptChars += charsOf(record);
    while (this.#keptChars > MAX_KEPT_CHARS) {
      const oldest = this.#kept.shift();
      this.#keptChars -= oldest ? charsOf(oldest) : 0;
    }
  }

  /** Notes what the attempt's first record follows; an entry of its own says only that it was sent twice. */
  beginsAfter(id: string): void {
    if (attemptOf(id) < this.#attempt) this.#base = id;
  }

  /** What a log that ends with `lastId` lacks; undefined when that cannot be told, or is not kept any more. */
  after(lastId: string): { seq: number; records: LogRecord[] } | undefined {
    const isOurs = attemptOf(lastId) === this.#attempt;
    if (!isOurs && lastId !== this.#base) return undefined;
    const seq = isOurs ? seqOf(lastId) + 1 : 1;
    const first = this.#nextSeq - this.#kept.length;
    return seq < first ? undefined : { seq, records: this.#kept.slice(seq - first) };
  }
}

/** Length of a record, about. */
export function charsOf(record: LogRecord): number {
  return record.type === 'delta' ? (record.content ?? record.reasoning ?? '').length : 100;
}
