/**
 * Version of the token stream. Both stores put it into the name of their data, so that an index written with other
 * tokens is never read with these; raise it with every change of what `tokenize` returns.
 */
export const TOKENIZER_VERSION = 1;

/** Longest token in UTF-16 code units; what a longer word (a URL, base64) has beyond it is cut off. */
export const MAX_TOKEN_LENGTH = 64;

/**
 * More combining marks in a row than any writing needs. ICU orders a run of marks in quadratic time: 400,000 marks
 * took `normalize` 53 s. 30 is the limit of UAX #15's Stream-Safe Text Format.
 */
const EXCESS_MARKS = /(\p{M}{30})\p{M}+/gu;

/** Soft hyphens, joiners, variation selectors: invisible, and common in the text of PDF files. */
const IGNORABLE = /\p{Default_Ignorable_Code_Point}+/gu;

/** Scripts without (reliable) spaces between words. ー is shared by both kana, so its script is Common. */
const UNSPACED = String.raw`\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}ー\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}`;
const WORD = String.raw`(?:[[\p{L}\p{N}]--[${UNSPACED}]]\p{M}*)+`;

/**
 * Group 1: a run for bigrams. Group 2: a word, or words joined by `.`, `_` or an apostrophe, with the suffix of `c++`
 * or `c#`. No two neighbouring parts accept the same character, which keeps matching linear.
 */
const RUN = new RegExp(String.raw`([${UNSPACED}]+)|(${WORD}(?:['’._]${WORD})*(?:\+\+|#)?)`, 'gv');

const COMPOUND = /['’._+#]/;

/**
 * Splits text into the tokens that BM25 counts, the same for documents and queries: NFKC and lower case; bigrams of
 * the code points in Chinese, Japanese, Korean and Thai runs (a character alone is its own token); words elsewhere.
 * English endings are removed; `node.js`, `max_tokens` and `c++` stay whole, followed by their parts.
 *
 * Bigrams and endings were measured as BM25 nDCG@10 (docs/decisions/0004-sqlite-store.md). Linear time: about 10 million
 * code units per second on prose.
 */
export function tokenize(text: string): string[] {
  const normal = text.replace(EXCESS_MARKS, '$1').normalize('NFKC').toLowerCase().replace(IGNORABLE, '');
  const tokens: string[] = [];
  for (const [, run, word] of normal.matchAll(RUN)) {
    if (run !== undefined) pushBigrams(tokens, run);
    else if (word !== undefined) pushWord(tokens, word);
  }
  return tokens;
}

function pushBigrams(tokens: string[], run: string): void {
  let previous = '';
  for (const character of run) {
    if (previous !== '') tokens.push(previous + character);
    previous = character;
  }
  if (previous.length === run.length) tokens.push(run);
}

function pushWord(tokens: string[], word: string): void {
  if (!COMPOUND.test(word)) {
    tokens.push(removeEnding(word).slice(0, MAX_TOKEN_LENGTH));
    return;
  }
  if (word.length <= MAX_TOKEN_LENGTH) tokens.push(word.replaceAll('’', "'"));
  for (const part of word.split(COMPOUND)) {
    if (part.length > 1) tokens.push(removeEnding(part).slice(0, MAX_TOKEN_LENGTH));
  }
}

/**
 * Brings English inflections of one word together: plural -s (Harman's s-stemmer, "How effective is suffixing?", 1991),
 * then -ed and -ing, then a final e, and y as i. xquad-en: 0.9628 without, 0.9681 plurals alone, 0.9690 all of it;
 * Porter's stemmer gives 0.9678.
 */
function removeEnding(word: string): string {
  if (!/^[a-z]{4,}$/.test(word)) return word;
  const stem = removePast(removePlural(word));
  if (stem.length <= 4) return stem;
  if (stem.endsWith('y')) return `${stem.slice(0, -1)}i`;
  return /(?:e|ll)$/.test(stem) ? stem.slice(0, -1) : stem;
}

function removePlural(word: string): string {
  if (/(?<![ae])ies$/.test(word)) return `${word.slice(0, -3)}y`;
  return /(?<![us])s$/.test(word) ? word.slice(0, -1) : word;
}

function removePast(word: string): string {
  const stem = word.replace(/(?:ing|ed)$/, '');
  if (stem === word || stem.length < 3 || !/[aeiouy]/.test(stem)) return word;
  return /([^aeioulsz])\1$/.test(stem) ? stem.slice(0, -1) : stem;
}
