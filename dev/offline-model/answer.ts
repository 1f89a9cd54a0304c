import type { ChatMessage } from './chat-request.ts';
import { condenseConversation } from './condense.ts';
import { findQuotes } from './quotes.ts';
import { foundNothing, readQuestion, readSources } from './sources.ts';

const ENGLISH = {
  introduction:
    "I am Sluice's offline model: a stand-in for development, no language model. I quote the sentences of your documents that fit a question, and this conversation brings no sources. Ask with knowledge switched on, or set OPENAI_API_KEY or OPENAI_BASE_URL to use a real model.",
  found: 'The sources say:',
  notFound: 'Your documents do not answer this question.',
};
const CHINESE: typeof ENGLISH = {
  introduction:
    '我是 Sluice 的离线模型：只供开发时代用，并不是语言模型。我只会从您的文档中摘录与问题相关的句子，而这次对话没有附带任何资料。请开启知识库再提问，或者设置 OPENAI_API_KEY 或 OPENAI_BASE_URL 来使用真正的模型。',
  found: '资料中写道：',
  notFound: '您的文档没有回答这个问题。',
};

/**
 * The answer to a conversation, the same for the same messages. A last message of the role `assistant` is a partial
 * answer, and what is returned goes on from it; empty when it is complete.
 */
export function composeAnswer(messages: readonly ChatMessage[]): string {
  const last = messages.at(-1);
  if (last?.role !== 'assistant') return answer(messages);
  const whole = answer(messages.slice(0, -1));
  if (whole.startsWith(last.text)) return whole.slice(last.text.length);
  return `${/\s$/.test(last.text) ? '' : '\n\n'}${whole}`;
}

function answer(messages: readonly ChatMessage[]): string {
  const condensed = condenseConversation(messages);
  if (condensed !== undefined) return condensed;
  const question = readQuestion(messages);
  const frame = isChinese(question) ? CHINESE : ENGLISH;
  const sources = readSources(messages);
  if (sources.length === 0) return foundNothing(messages) ? frame.notFound : frame.introduction;
  const quotes = findQuotes(question, sources);
  if (quotes.length === 0) return frame.notFound;
  return [frame.found, ...quotes.map(({ n, sentence }) => `${sentence} [${n}]`)].join('\n\n');
}

function isChinese(text: string): boolean {
  const characters = text.match(/\p{sc=Han}/gu)?.length ?? 0;
  const words = text.match(/\p{sc=Latin}+/gu)?.length ?? 0;
  return characters > 0 && characters >= words && !/[\p{sc=Hiragana}\p{sc=Katakana}]/u.test(text);
}
