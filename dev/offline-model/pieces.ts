const PIECE =
  /\s*(?:[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\u3000-\u303f\uff00-\uffef]|[^\s\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\u3000-\u303f\uff00-\uffef]+)|\s+$/gu;

/**
 * Splits text into what this model calls tokens: words with the white space before them, and single Chinese or Japanese
 * characters. Joined they give the text back.
 */
export function splitPieces(text: string): string[] {
  return text.match(PIECE) ?? [];
}
