import { CodeTracker } from './code-tracker.ts';

const CLOSING: Readonly<Record<string, string>> = { '[': ']', '【': '】', '［': '］' };
const DIGITS = '0-9０-９';
/** What may stand between the brackets of a citation while it comes. */
const INSIDE = new RegExp(`^[${DIGITS} ,，、;；~～–-]{0,40}$`);
/** Numbers and ranges, of at most three digits: `[2026]` is a year. */
const NUMBERS = new RegExp(
  `^ *[${DIGITS}]{1,3}(?: *[~～–-] *[${DIGITS}]{1,3})?(?: *[,，、;；] *[${DIGITS}]{1,3}(?: *[~～–-] *[${DIGITS}]{1,3})?)* *$`,
);
const SEPARATOR = /([,，、;；])/;
/** What is a name in code rather than a word: `a`, `x1`, `max_tokens`, `itemList`, `args.items`, `$el`. */
const CODE_NAME = /(?:^|[^\w$.])(?:[A-Za-z]|[\w$.]*(?:[_$]|[a-z]\.[a-z]|[a-z][A-Z]|[A-Za-z]\d)[\w$.]*)$/;
const LONGEST_NAME = 64;

/**
 * Takes citations of sources that do not exist out of an answer while it streams. `[n]`, `[1, 2]`, `[1-3]`, `【1】` and `［1］`
 * stay as they are where each number is a source's, lose the numbers that are none, and go, with a space before them,
 * when no number is left. Code, array indexes (`a[7]`), links (`[7](…)`), `[0]` and numbers from 1,000 are no citations.
 * Text is held back only while it may be part of one. What comes out does not depend on how the text was cut in pieces.
 */
export class CitationFilter {
  readonly #sources: number;
  readonly #code = new CodeTracker();
  /** The end of what has been let through. */
  #before = '';
  /** A space, and a bracket with what follows it, that may turn out to be a citation. */
  #held = '';
  /** Whether what was let through or taken out last is a citation: `[1][2]`. */
  #isAfterCitation = false;
  /** The space before a citation that was taken out, for a citation that follows at once. */
  #owed = '';
  #dropped = 0;

  /**
   * @param sources how many there are; they are numbered from 1
   * @param partial what an earlier attempt has shown of the answer; the text goes on from it
   */
  constructor(sources: number, partial = '') {
    this.#sources = sources;
    this.push(partial);
    // It has been seen: whatever it becomes, it stays.
    this.#release(this.#held);
    this.#dropped = 0;
  }

  /** How many numbers have been taken out. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes a piece of the answer, gives what may be shown. */
  push(text: string): string {
    let shown = '';
    for (const character of text) shown += this.#take(character);
    return shown;
  }

  /** The answer has ended: gives what is held back. */
  end(): string {
    return this.#held.length > 0 && isClosed(this.#held) ? this.#settle() : this.#release(this.#held);
  }

  #take(character: string): string {
    const held = this.#held;
    if (held === '') return this.#begin(character);
    if (isClosed(held)) {
      // `[7](…)` is a link.
      return (character === '(' ? this.#release(held) : this.#settle()) + this.#begin(character);
    }
    const bracket = held.trimStart();
    if (bracket === '') {
      if (this.#opens(character)) return this.#hold(held + character);
      return this.#release(held) + this.#begin(character);
    }
    const inside = bracket.slice(1);
    if (character === CLOSING[bracket[0] as string] && NUMBERS.test(inside)) {
      if (isNoCitation(inside)) return this.#release(held + character);
      this.#hold(held + character);
      const isCertain = bracket[0] !== '[' || this.#keep(inside).dropped === 0;
      return isCertain ? this.#settle() : '';
    }
    if (INSIDE.test(inside + character)) return this.#hold(held + character);
    return this.#release(held) + this.#begin(character);
  }

  /** A character outside of a possible citation. */
  #begin(character: string): string {
    const lead = this.#owed;
    this.#owed = '';
    if (this.#opens(character)) return this.#hold(lead + character);
    return character === ' ' && !this.#code.isInCode ? this.#hold(character) : this.#release(character);
  }

  #hold(text: string): string {
    this.#held = text;
    return '';
  }

  /** Whether a character opens what may be a citation, after what has been let through and held. */
  #opens(character: string): boolean {
    if (CLOSING[character] === undefined || this.#code.isInCode) return false;
    if (this.#held !== '' || character !== '[') return true;
    if (this.#before.endsWith(']')) return this.#isAfterCitation;
    return !/[\\!]$/.test(this.#before) && !CODE_NAME.test(this.#before);
  }

  /** Lets text through as it is. */
  #release(text: string): string {
    this.#held = '';
    if (text === '') return text;
    this.#isAfterCitation = false;
    this.#pass(text);
    return text;
  }

  /** Lets the held citation through, without the numbers that are no sources'. */
  #settle(): string {
    const held = this.#held;
    this.#held = '';
    const start = held.startsWith(' ') ? 2 : 1;
    const inside = held.slice(start, -1);
    const { list, dropped } = this.#keep(inside);
    this.#dropped += dropped;
    const shown = list === '' ? '' : held.slice(0, start) + list + held.at(-1);
    if (shown === '' && start === 2) this.#owed = ' ';
    this.#pass(shown);
    this.#isAfterCitation = true;
    return shown;
  }

  #pass(text: string): void {
    for (const character of text) this.#code.push(character);
    this.#before = (this.#before + text).slice(-LONGEST_NAME);
  }

  /** A list with the numbers of sources alone, and how many numbers and ranges it has lost or had cut. */
  #keep(list: string): { list: string; dropped: number } {
    const [first = '', separator = '', ...rest] = list.split(SEPARATOR);
    const items = [first, ...rest.filter((_item, i) => i % 2 === 0)];
    const kept = items.map((item) => this.#clip(item));
    const dropped = items.filter((item, i) => item !== kept[i]).length;
    if (dropped === 0) return { list, dropped };
    const text = kept.filter((item) => item !== '').join(separator);
    return { list: text.trim(), dropped };
  }

  /** A number, or as much of a range as is sources'; empty when nothing is. */
  #clip(item: string): string {
    const [first, last] = readRange(item);
    if (first > this.#sources) return '';
    if (last <= this.#sources) return item;
    return `${first === this.#sources ? '' : `${first}-`}${this.#sources}`;
  }
}

function isClosed(held: string): boolean {
  return held.endsWith(']') || held.endsWith('】') || held.endsWith('］');
}

/** Sources are numbered from 1: `[0, 1]` is an interval, `[0]` an index, `[3-1]` nothing. */
function isNoCitation(list: string): boolean {
  return list.split(SEPARATOR).some((item, i) => {
    const [first, last] = readRange(item);
    return i % 2 === 0 && (first === 0 || last < first);
  });
}

function readRange(item: string): [first: number, last: number] {
  const numbers = item.normalize('NFKC').match(/\d+/g)?.map(Number) ?? [];
  const first = numbers[0] ?? 0;
  return [first, numbers[1] ?? first];
}
