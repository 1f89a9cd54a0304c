import type { ChatMessage } from '@sluice/shared/contracts/chat';
import type { Usage } from '@sluice/shared/contracts/events';
import { estimateTokens } from '@sluice/shared/text/estimate-tokens';

/** Counts usage from the texts, for a model that sends none. */
export function estimateUsage(prompt: readonly ChatMessage[], answer: string): Usage {
  const prompt_tokens = prompt.reduce((sum, message) => sum + estimateTokens(message.content), 0);
  return { prompt_tokens, completion_tokens: estimateTokens(answer), estimated: true };
}
