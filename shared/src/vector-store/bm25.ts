import murmurhash from 'murmurhash';
import { tokenize } from '../text/tokenize.ts';

/** A sparse vector as Qdrant takes it: `indices` sorted and unique, `values[i]` belongs to `indices[i]`. */
export interface SparseVector {
  indices: number[];
  values: number[];
}

/**
 * Mean length of an indexed chunk (headings and text) in UTF-16 code units, at the default chunk size of 500: 392 to
 * 433 on eight English and Chinese texts of ours. BM25's length is counted in code units, not tokens, because one
 * mean then serves every language: the same chunks hold 62 to 72 tokens in English and 300 to 321 in Chinese.
 */
export const AVERAGE_CHUNK_LENGTH = 400;

/** Most terms of one query; 128 English terms over 20,000 chunks take SQLite 200 ms, and time grows with their number. */
export const MAX_QUERY_TERMS = 128;

/** Most of a query that is read, in UTF-16 code units. */
const MAX_QUERY_LENGTH = 8192;

/** The field's usual values, and those that SQLite's `bm25()` has built in (sqlite.org/fts5.html, 5.1.1). */
const K1 = 1.2;
const B = 0.75;

/**
 * English function words, left out of queries: they say nothing of what is asked, and a question of 20 words over
 * 20,000 chunks took SQLite 43 ms with them, 0.9 ms without. Documents keep them, so that "The Who" can be found.
 */
const STOP_WORDS: ReadonlySet<string> = new Set(
  tokenize(
    `a an and are as at be been but by can did do does for from had has have how if in into is it its no not of on or
    such than that the their them then there these they this to was were what when where which who whom whose why will
    with would`,
  ),
);

/** The distinct terms of a query, in order, at most 128; stop words only where there is nothing else. */
export function tokenizeQuery(text: string): string[] {
  const tokens = [...new Set(tokenize(text.slice(0, MAX_QUERY_LENGTH)))];
  const terms = tokens.filter((token) => !STOP_WORDS.has(token));
  return (terms.length > 0 ? terms : tokens).slice(0, MAX_QUERY_TERMS);
}

/**
 * A chunk's sparse vector: for each token the term-frequency part of BM25,
 * `tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / averageLength))` (Robertson and Zaragoza, "The Probabilistic
 * Relevance Framework", 2009, eq. 3.15). Qdrant multiplies by idf at query time (`modifier: idf`).
 *
 * @param averageLength mean of `text.length` over the collection, in UTF-16 code units
 */
export function toSparseVector(text: string, averageLength = AVERAGE_CHUNK_LENGTH): SparseVector {
  const saturation = K1 * (1 - B + (B * text.length) / averageLength);
  const frequencies = new Map<string, number>();
  for (const token of tokenize(text)) frequencies.set(token, (frequencies.get(token) ?? 0) + 1);
  return collectWeights(
    [...frequencies].map(([token, frequency]) => [token, (frequency * (K1 + 1)) / (frequency + saturation)]),
  );
}

/** A query's sparse vector: weight 1 for each distinct term. Empty when the text has no terms. */
export function toSparseQuery(text: string): SparseVector {
  return collectWeights(tokenizeQuery(text).map((term) => [term, 1]));
}

/** `abs(int32(murmur3(token)))`, the index that Qdrant's own BM25 (fastembed) uses; tokens that collide are summed. */
function collectWeights(weights: readonly (readonly [token: string, weight: number])[]): SparseVector {
  const byIndex = new Map<number, number>();
  for (const [token, weight] of weights) {
    const index = Math.abs(murmurhash.v3(token, 0) | 0);
    byIndex.set(index, (byIndex.get(index) ?? 0) + weight);
  }
  const sorted = [...byIndex].toSorted(([left], [right]) => left - right);
  return { indices: sorted.map(([index]) => index), values: sorted.map(([, weight]) => weight) };
}
