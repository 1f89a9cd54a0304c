import type { ChatMessage, ChatRequest } from '@sluice/client';
import { createAnswer, isUnfinished, toKnowledgeOption } from './answer.ts';
import type { Answer, KnowledgeChoice } from './answer.ts';

/** A question, how it was asked, and its answer. */
export interface Turn {
  id: string;
  question: string;
  /** ISO 8601. */
  askedAt: string;
  /** Undefined for the server's default. */
  model?: string | undefined;
  knowledge: KnowledgeChoice;
  answer: Answer;
}

/** A conversation, as this browser keeps it. */
export interface Conversation {
  id: string;
  title: string;
  /** Whether the user gave the title. */
  isNamed: boolean;
  /** ISO 8601. */
  createdAt: string;
  /** ISO 8601. */
  updatedAt: string;
  turns: Turn[];
}

/** What the list of conversations shows, without their texts. */
export interface ConversationSummary {
  id: string;
  title: string;
  updatedAt: string;
  /** Whether an answer is still to come, or to be fetched after a reload. */
  isUnfinished: boolean;
}

/** Of the gateway's schema for `POST /api/chat`. */
const MAX_MESSAGES = 500;
const MAX_CHARACTERS = 400_000;
const TITLE_LENGTH = 60;

/** 128 random bits. `crypto.randomUUID` is not there on pages that came over plain HTTP. */
export function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}

/** A conversation that begins with a question. */
export function createConversation(question: string, now = new Date()): Conversation {
  const at = now.toISOString();
  const title = titleOf(question);
  return { id: randomId(), title, isNamed: false, createdAt: at, updatedAt: at, turns: [] };
}

/** The beginning of a question, in one line, cut at a word where there are any. */
export function titleOf(question: string): string {
  const line = question.replace(/\s+/g, ' ').trim();
  const characters = Array.from(new Intl.Segmenter().segment(line), ({ segment }) => segment);
  if (characters.length <= TITLE_LENGTH) return line;
  const cut = characters.slice(0, TITLE_LENGTH).join('');
  const space = cut.lastIndexOf(' ');
  return `${space > TITLE_LENGTH / 2 ? cut.slice(0, space) : cut}…`;
}

/** Asks a question: adds a turn whose answer is to be fetched. */
export function addTurn(
  conversation: Conversation,
  { question, model, knowledge }: Pick<Turn, 'question' | 'model' | 'knowledge'>,
  now = new Date(),
): Turn {
  const at = now.toISOString();
  const answer = createAnswer(randomId());
  conversation.turns.push({ id: randomId(), question, askedAt: at, model, knowledge, answer });
  conversation.updatedAt = at;
  return conversation.turns.at(-1) as Turn;
}

/** What the server is asked for a turn: the conversation up to it, as much of it as the server takes. */
export function buildRequest({ turns }: Pick<Conversation, 'turns'>, turn: Turn): ChatRequest {
  const before = turns.slice(
    0,
    turns.findIndex(({ id }) => id === turn.id),
  );
  const messages: ChatMessage[] = [{ role: 'user', content: turn.question }];
  let room = MAX_CHARACTERS - turn.question.length;
  for (const { question, answer } of before.toReversed()) {
    const pair: ChatMessage[] = [{ role: 'user', content: question }];
    if (answer.text !== '') pair.push({ role: 'assistant', content: answer.text });
    room -= question.length + answer.text.length;
    if (room < 0 || messages.length + pair.length > MAX_MESSAGES) break;
    messages.unshift(...pair);
  }
  return {
    messages,
    knowledge: toKnowledgeOption(turn.knowledge),
    ...(turn.model !== undefined && { model: turn.model }),
  };
}

/** What the list shows of a conversation. */
export function summarize({ id, title, updatedAt, turns }: Conversation): ConversationSummary {
  return { id, title, updatedAt, isUnfinished: turns.some(({ answer }) => isUnfinished(answer)) };
}

/** The words of an export. */
export interface ExportLabels {
  question: string;
  answer: string;
  sources: string;
  /** Such as `page 3`. */
  page: (page: number) => string;
}

/** A conversation as Markdown, for a file. */
export function toMarkdown({ title, turns }: Conversation, labels: ExportLabels): string {
  const parts = turns.flatMap(({ question, answer }) => {
    const sources = (answer.sources ?? []).map(({ n, filename, page, headings }) =>
      [`[${n}] ${filename}`, page !== undefined && labels.page(page), headings.join(' › ')]
        .filter(Boolean)
        .join(', '),
    );
    return [
      `## ${labels.question}`,
      question,
      `## ${labels.answer}`,
      answer.text,
      ...(sources.length > 0 ? [`${labels.sources}:`, sources.map((line) => `- ${line}`).join('\n')] : []),
    ];
  });
  return `${[`# ${title}`, ...parts].join('\n\n')}\n`;
}

/** A name for the file of an export, without what file systems refuse. */
export function fileNameOf(title: string): string {
  const name = title
    .replace(/[\p{Cc}\\/:*?"<>|]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .replace(/^[. ]+|[. ]+$/g, '');
  return name === '' ? 'conversation' : name;
}
