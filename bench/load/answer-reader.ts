import { microseconds, STAMP_DIGITS, TOKEN_MARK } from '../answer-plan.ts';

const MARK = TOKEN_MARK.charCodeAt(0);
const NEWLINE = '\n'.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);

/** Where the figures of answers go. */
export interface AnswerSink {
  tokens(count: number, events: number): void;
  firstToken(ms: number): void;
  laterToken(ms: number): void;
  pickUp(ms: number): void;
}

/** Counts and times the tokens of one answer as its bytes come, with as little work as they allow. */
export class AnswerReader {
  readonly #sink: AnswerSink;
  readonly #isStamped: boolean;
  readonly #askedAt = microseconds();
  /** What came before the first token, in which the job's acceptance and start are looked for. */
  #head = '';
  #acceptedAt: number | undefined;
  #pickedUp = false;
  #cut: Buffer | undefined;
  #endsFrame = false;
  #frameHasToken = false;
  tokens = 0;

  constructor(sink: AnswerSink, isStamped: boolean) {
    this.#sink = sink;
    this.#isStamped = isStamped;
  }

  read(bytes: Buffer): void {
    const now = microseconds();
    if (this.tokens === 0) this.#readHead(bytes, now);
    const { tokens, events } = this.#count(bytes);
    if (this.#isStamped) this.#readStamps(bytes, now);
    else if (this.tokens === 0 && tokens > 0) this.#sink.firstToken((now - this.#askedAt) / 1e3);
    this.tokens += tokens;
    this.#sink.tokens(tokens, events);
  }

  #readHead(bytes: Buffer, now: number): void {
    this.#head += bytes.toString('latin1');
    if (this.#acceptedAt === undefined && this.#head.includes('event: accepted')) this.#acceptedAt = now;
    if (this.#pickedUp || !this.#head.includes('event: started')) return;
    this.#pickedUp = true;
    this.#sink.pickUp((now - (this.#acceptedAt ?? now)) / 1e3);
  }

  #count(bytes: Buffer): { tokens: number; events: number } {
    let tokens = 0;
    let events = 0;
    for (let i = 0; i < bytes.length; i += 1) {
      const byte = bytes[i];
      if (byte === MARK) {
        tokens += 1;
        this.#frameHasToken = true;
        this.#endsFrame = false;
      } else if (byte !== NEWLINE) this.#endsFrame = false;
      else if (!this.#endsFrame) this.#endsFrame = true;
      else if (this.#frameHasToken) {
        events += 1;
        this.#frameHasToken = false;
      }
    }
    return { tokens, events };
  }

  #readStamps(bytes: Buffer, now: number): void {
    const all = this.#cut ? Buffer.concat([this.#cut, bytes]) : bytes;
    this.#cut = undefined;
    for (let at = all.indexOf(MARK); at !== -1; at = all.indexOf(MARK, at + 1)) {
      if (at + STAMP_DIGITS >= all.length) {
        this.#cut = all.subarray(at);
        return;
      }
      const isFirst = this.tokens === 0 && at === all.indexOf(MARK);
      if (isFirst) this.#sink.firstToken((now - this.#askedAt) / 1e3);
      else this.#sink.laterToken((now - stampAt(all, at + 1)) / 1e3);
    }
  }
}

function stampAt(bytes: Buffer, start: number): number {
  let stamp = 0;
  for (let i = start; i < start + STAMP_DIGITS; i += 1) stamp = stamp * 10 + (bytes[i] ?? ZERO) - ZERO;
  return stamp;
}
