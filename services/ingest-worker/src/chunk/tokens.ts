import { createRequire } from 'node:module';
import { isInsidePair } from './characters.ts';
import type { Ruler } from './ruler.ts';

/**
 * Longest text that is split into tokens at once. The time for a run without spaces grows with the square of its
 * length: 8,000 characters of it take 0.1 s together, and 20,000 accents 1.5 s.
 */
const WINDOW = 256;

/** Part of a window in which a place to end it is looked for. */
const LOOKBACK = 64;

interface Tokenizer {
  encode(text: string, options: { disallowedSpecial: Set<string> }): number[];
  /** Length of each token in bytes of UTF-8. */
  lengths: Uint8Array;
}

const require = createRequire(import.meta.url);
let loaded: Tokenizer | undefined;

/**
 * A ruler in tokens of cl100k_base, the vocabulary of OpenAI's embedding models. Others count differently: about the
 * same for English, up to a half less for Chinese. The text is read as far as it is asked about, a window at a time. A
 * passage counts as what it takes within the text, which differs by a few tokens from what it takes alone.
 *
 * The tokenizer is loaded for the first one, which takes 0.3 s and 45 MB.
 */
export function createTokenRuler(text: string): Ruler {
  const tokenizer = (loaded ??= loadTokenizer());
  /** Where each token begins: for one within a character, where that character does. */
  let starts = new Uint32Array(1024);
  let count = 0;
  let read = 0;

  function readWindow(): void {
    const end = findWindowEnd(text, read);
    const tokens = tokenizer.encode(text.slice(read, end), { disallowedSpecial: new Set() });
    while (starts.length < count + tokens.length) starts = grow(starts);
    let place = read;
    let bytes = 0;
    for (const token of tokens) {
      for (let size = sizeAt(text, place); bytes >= size; size = sizeAt(text, place)) {
        bytes -= size;
        place += size === 4 ? 2 : 1;
      }
      starts[count++] = place;
      bytes += tokenizer.lengths[token] ?? 0;
    }
    read = end;
  }

  /** The number of the first token that begins at `place` or after it. */
  function indexOf(place: number): number {
    while (read < place && read < text.length) readWindow();
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((starts[middle] ?? 0) < place) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return {
    measure: (from, to) => indexOf(to) - indexOf(from),
    reach(from, length) {
      const index = indexOf(from) + length;
      while (count <= index && read < text.length) readWindow();
      return index < count ? (starts[index] ?? 0) : text.length;
    },
    reachBack(to, length) {
      const index = Math.max(0, indexOf(to) - length);
      if (index >= count) return to;
      const start = starts[index] ?? 0;
      // Not between the tokens of one character.
      const isTorn = index > 0 && starts[index - 1] === start;
      return isTorn ? start + (sizeAt(text, start) === 4 ? 2 : 1) : Math.min(start, to);
    },
  };
}

function loadTokenizer(): Tokenizer {
  const { encode } = require('gpt-tokenizer/encoding/cl100k_base') as Pick<Tokenizer, 'encode'>;
  const { default: ranks } = require('gpt-tokenizer/bpeRanks/cl100k_base') as {
    default: readonly (string | readonly number[])[];
  };
  const lengths = Uint8Array.from(ranks, (token) =>
    typeof token === 'string' ? Buffer.byteLength(token) : token.length,
  );
  return { encode, lengths };
}

function grow(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}

/** Before a space where there is one near, as words bring the space before them; never within a surrogate pair. */
function findWindowEnd(text: string, start: number): number {
  const end = start + WINDOW;
  if (end >= text.length) return text.length;
  for (let at = end; at > end - LOOKBACK; at--) {
    const code = text.charCodeAt(at);
    const isSpace = code === 0x20 || code === 0x0a;
    if (isSpace && text.charCodeAt(at - 1) !== code) return at;
  }
  return isInsidePair(text, end) ? end - 1 : end;
}

/** Bytes of UTF-8 that the character at `place` takes. */
function sizeAt(text: string, place: number): number {
  const code = text.charCodeAt(place);
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  return isInsidePair(text, place + 1) ? 4 : 3;
}
