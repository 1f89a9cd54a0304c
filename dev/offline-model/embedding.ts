import { tokenize } from '@sluice/shared/text/tokenize';
import { isStopWord } from './stop-words.ts';

/** Most dimensions that an embedding can have. */
export const MAX_DIMENSIONS = 16_384;

/** With 384 dimensions nDCG@10 of xquad-en is 0.71 with weight 1, 0.85 with 0.2, 0.84 with 0; of cmrc2018 0.65, 0.76, 0.76. */
const STOP_WORD_WEIGHT = 0.2;

/**
 * A hashed bag of words: each token is added to, or taken from, one of `dimensions` buckets, with weight 1 + ln(count);
 * stop words count a fifth. Texts with common words have a high cosine similarity; nothing is understood.
 *
 * @returns a vector of length 1 (L2), the same for the same text
 */
export function embedText(text: string, dimensions: number): Float32Array {
  const counts = new Map<string, number>();
  for (const token of tokenize(text)) counts.set(token, (counts.get(token) ?? 0) + 1);
  if (counts.size === 0) counts.set(text, 1);
  const vector = new Float32Array(dimensions);
  for (const [token, count] of counts) {
    const hash = hashToken(token);
    const weight = (1 + Math.log(count)) * (isStopWord(token) ? STOP_WORD_WEIGHT : 1);
    const bucket = (hash >>> 1) % dimensions;
    vector[bucket] = (vector[bucket] ?? 0) + (hash & 1 ? weight : -weight);
  }
  return normalize(vector);
}

/** FNV-1a over UTF-16 code units, then the finalizer of MurmurHash3, so that all bits depend on all input. */
function hashToken(token: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < token.length; i++) hash = Math.imul(hash ^ token.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function normalize(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  // Tokens of one bucket can cancel each other out; a zero vector has no cosine similarity.
  if (length === 0) return vector.fill(1 / Math.sqrt(vector.length));
  return vector.map((value) => value / length);
}
