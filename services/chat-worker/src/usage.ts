import type { ChatMessage } from '@sluice/shared/contracts/chat';
import type { Usage } from '@sluice/shared/contracts/events';

const CJK = /[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]/g;

/**
 * Tokens of a text, roughly: one per CJK character, one per four others (OpenAI's rule of thumb for English).
 */
export function estimateTokens(text: string): number {
  const cjk = text.match(CJK)?.length ?? 0;
  return cjk + Math.ceil((text.length - cjk) / 4);
}

/** Counts usage from the texts, for a model that sends none. */
export function estimateUsage(prompt: readonly ChatMessage[], answer: string): Usage {
  const prompt_tokens = prompt.reduce((sum, message) => sum + estimateTokens(message.content), 0);
  return { prompt_tokens, completion_tokens: estimateTokens(answer), estimated: true };
}
