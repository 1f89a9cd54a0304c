import { CharClass, classAt, findClusterStart, isInsidePair, skipSpace } from './characters.ts';

/** How good a place is for ending a chunk; a higher rank is better. */
export const Rank = { none: 0, word: 1, clause: 2, line: 3, sentence: 4, paragraph: 5 } as const;

const RUN_LOOKAHEAD = 64;
const CLOSERS_LOOKBACK = 6;
const CUT_LOOKBACK = 48;

const NEWLINE = 0x0a;
const DOT = 0x2e;
const ABBREVIATIONS = new Set(
  'al approx art cf ch co corp dept dr e.g ed eds eq est etc fig figs gen gov i.e inc jr ltd mr mrs ms no nos pp prof ref resp sec sr st tab vol vs'.split(
    ' ',
  ),
);
const LIST_MARKER = /(?:[-*+•·▪◦]|\(?\d{1,3}[.)]|\(?[a-z][.)])[ \t]/y;

/**
 * Ranks the boundary before the code unit at `at`: `Rank.none` where a chunk must not end. A boundary next to white
 * space is ranked where the white space begins.
 */
export function rankBoundary(text: string, at: number): number {
  const before = classAt(text, at - 1);
  if (before === CharClass.space || before === CharClass.opening) return Rank.none;
  const after = classAt(text, at);
  if (after === CharClass.space) return rankSpace(text, at);
  if (isForbiddenStart(after)) return Rank.none;
  if (before === CharClass.ideographicStop || endsAfterStop(text, at, before)) return Rank.sentence;
  if (before === CharClass.ideographicComma) return Rank.clause;
  const isWordEnd =
    before === CharClass.ideographic || after === CharClass.ideographic || before === CharClass.closing;
  return isWordEnd && findClusterStart(text, at) === at ? Rank.word : Rank.none;
}

function rankSpace(text: string, at: number): number {
  const runEnd = skipSpace(text, at, at + RUN_LOOKAHEAD);
  if (isForbiddenStart(classAt(text, runEnd)) || isLoosePunctuation(text, runEnd)) return Rank.none;
  let newlines = 0;
  for (let i = at; i < runEnd; i++) if (text.charCodeAt(i) === NEWLINE) newlines++;
  if (newlines > 1) return Rank.paragraph;
  if (endsSentence(text, at)) return Rank.sentence;
  if (newlines === 1) return startsListItem(text, runEnd) ? Rank.sentence : Rank.line;
  return isClauseMark(text.charCodeAt(at - 1)) ? Rank.clause : Rank.word;
}

function isForbiddenStart(charClass: number): boolean {
  return (
    charClass === CharClass.closing ||
    charClass === CharClass.ideographicStop ||
    charClass === CharClass.ideographicComma
  );
}

/** `,` or `)` standing apart, as in tokenized text: it belongs to what lies before it. */
function isLoosePunctuation(text: string, at: number): boolean {
  return ',.;:!?)]}%'.includes(text.charAt(at) || ' ') && classAt(text, at + 1) === CharClass.space;
}

function isClauseMark(code: number): boolean {
  return code === 0x2c || code === 0x3a || code === 0x3b || code === 0x2013 || code === 0x2014;
}

function endsAfterStop(text: string, at: number, before: number): boolean {
  return (
    before === CharClass.closing && classAt(text, skipClosers(text, at) - 1) === CharClass.ideographicStop
  );
}

function skipClosers(text: string, at: number): number {
  let end = at;
  while (end > at - CLOSERS_LOOKBACK && isCloser(text, end - 1)) end--;
  return end;
}

function isCloser(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return (
    code === 0x22 ||
    code === 0x27 ||
    code === 0x29 ||
    code === 0x5d ||
    classAt(text, at) === CharClass.closing
  );
}

function endsSentence(text: string, at: number): boolean {
  const end = skipClosers(text, at);
  const last = text.charCodeAt(end - 1);
  if (last === DOT) return !endsAbbreviation(text, end - 1);
  return last === 0x21 || last === 0x3f || classAt(text, end - 1) === CharClass.ideographicStop;
}

/** Whether the word before the dot is an initial, a known abbreviation or the number of a list item. */
function endsAbbreviation(text: string, dot: number): boolean {
  let start = dot;
  while (start > dot - 7 && classAt(text, start - 1) === CharClass.ordinary) start--;
  const word = text.slice(start, dot).replace(/^[("'[]+/, '');
  return /^(?:\p{L}(?:\.\p{L})*|\d{1,2})$/u.test(word) || ABBREVIATIONS.has(word.toLowerCase());
}

function startsListItem(text: string, at: number): boolean {
  LIST_MARKER.lastIndex = at;
  return LIST_MARKER.test(text);
}

/**
 * The best place to end a chunk within `low < place <= limit`: the last boundary of the highest rank, or, in a run
 * without any, the last place that tears no character. Where `low` itself ends a block, only a paragraph beats it.
 */
export function findBreak(text: string, low: number, limit: number, lowEndsBlock: boolean): number {
  let best = -1;
  let bestRank: number = lowEndsBlock ? Rank.sentence : Rank.none;
  let after = classAt(text, limit);
  for (let at = limit; at > low && bestRank < Rank.paragraph; at--) {
    const before = classAt(text, at - 1);
    if (before !== CharClass.ordinary || after !== CharClass.ordinary) {
      const rank = rankBoundary(text, at);
      if (rank > bestRank) {
        best = at;
        bestRank = rank;
      }
    }
    after = before;
  }
  if (best >= 0) return best;
  return lowEndsBlock ? low : cutCharacters(text, low, limit);
}

function cutCharacters(text: string, low: number, limit: number): number {
  const lowest = Math.max(low, limit - CUT_LOOKBACK);
  let at = findClusterStart(text, limit);
  while (at > lowest && isForbiddenStart(classAt(text, skipSpace(text, at, at + RUN_LOOKAHEAD))))
    at = findClusterStart(text, at - 1);
  if (at > lowest) return at;
  return isInsidePair(text, limit) ? limit - 1 : limit;
}

/**
 * Where the text that repeats the end of the previous chunk starts: at the first sentence within `from <= place <= end`,
 * else at the first word. So a torn sentence is repeated as far as possible, and a whole one wholly or not at all:
 * repeating its last words cost 3 points of fully covered answers in `datasets/chunking-eval`.
 */
export function findOverlapStart(text: string, from: number, end: number): number {
  let word = end;
  for (let at = from; at <= end; at++) {
    const rank = rankBoundary(text, at);
    if (rank >= Rank.sentence) return skipSpace(text, at, end);
    if (rank > Rank.none && word === end) word = skipSpace(text, at, end);
  }
  return word;
}
