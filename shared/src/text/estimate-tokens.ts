const CJK = /[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]/g;

/**
 * Tokens of a text, roughly: one per CJK character, one per four others (OpenAI's rule of thumb for English).
 */
export function estimateTokens(text: string): number {
  return Math.ceil(measureTokens(text));
}

/** The same without rounding, for sums: the pieces of a text together have as many as the text. */
export function measureTokens(text: string): number {
  const cjk = text.match(CJK)?.length ?? 0;
  return cjk + (text.length - cjk) / 4;
}
