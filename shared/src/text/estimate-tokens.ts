/**
 * Tokens of a text, roughly: one per CJK character, one per four others (OpenAI's rule of thumb for English).
 */
export function estimateTokens(text: string): number {
  return Math.ceil(measureTokens(text));
}

/** The same without rounding, for sums: the pieces of a text together have as many as the text. */
export function measureTokens(text: string): number {
  let cjk = 0;
  for (let i = 0; i < text.length; i += 1) if (isCjk(text.charCodeAt(i))) cjk += 1;
  return cjk + (text.length - cjk) / 4;
}

/** Kana, Han and its extension A, Hangul, compatibility ideographs. Called for each character of each token. */
function isCjk(code: number): boolean {
  return (
    code >= 0x3040 &&
    (code <= 0x30ff ||
      (code >= 0x3400 && code <= 0x4dbf) ||
      (code >= 0x4e00 && code <= 0x9fff) ||
      (code >= 0xac00 && code <= 0xd7af) ||
      (code >= 0xf900 && code <= 0xfaff))
  );
}
