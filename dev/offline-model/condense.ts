import { z } from 'zod';
import { tokenize } from '@sluice/shared/text/tokenize';
import type { ChatMessage } from './chat-request.ts';
import { isStopWord } from './stop-words.ts';

/** How the chat worker's request begins. */
const BEGINNING = 'Rewrite the last question of a conversation';
/** A question with fewer telling words, or with one of these, speaks of what was asked before. */
const TELLING_WORDS = 3;
const REFERENCE =
  /[它他她那这其该]|\b(?:it|its|they|them|their|this|that|these|those|he|she|him|her|his|there|ones?)\b/i;

const conversationSchema = z.array(z.object({ role: z.string(), content: z.string() }));

/**
 * The answer to the chat worker's request for the last question of a conversation in full: the question, after the one
 * before it where it says little by itself. Undefined for any other conversation.
 */
export function condenseConversation(messages: readonly ChatMessage[]): string | undefined {
  const [system, user] = messages;
  if (system?.role !== 'system' || !system.text.startsWith(BEGINNING)) return undefined;
  const questions = readConversation(user?.text ?? '')
    .filter(({ role }) => role === 'user')
    .map(({ content }) => content.trim());
  const last = questions.at(-1) ?? '';
  const before = questions.at(-2);
  const telling = new Set(tokenize(last).filter((token) => !isStopWord(token)));
  const isWhole = telling.size >= TELLING_WORDS && !REFERENCE.test(last);
  return before === undefined || isWhole ? last : `${before} ${last}`;
}

function readConversation(json: string): z.output<typeof conversationSchema> {
  try {
    return conversationSchema.parse(JSON.parse(json));
  } catch {
    return [];
  }
}
