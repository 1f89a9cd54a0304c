import type { ChatEvent, ChatRequest, Source, Usage } from '@sluice/client';

/** What an answer is drawn from beside what the model knows. */
export type KnowledgeChoice =
  | { kind: 'off' }
  | { kind: 'all' }
  | { kind: 'collections'; names: string[] }
  | { kind: 'documents'; documents: { id: string; filename: string }[] };

/**
 * Where an answer is. `interrupted`: the server stayed away; the answer can be watched again. `stopped`: by the user, or
 * by whoever runs the server.
 */
export type AnswerStatus = 'sending' | 'queued' | 'running' | 'interrupted' | 'done' | 'stopped' | 'failed';

/** Why an answer failed, as it is kept: errors themselves cannot be. */
export interface AnswerFailure {
  code: string;
  message: string;
  requestId?: string | undefined;
  retryAfter?: number | undefined;
}

/** An answer as far as this browser has it. Text and cursor are kept together, so that it resumes without a seam. */
export interface Answer {
  /** Makes asking twice, such as before and after a reload, the same as asking once. */
  idempotencyKey: string;
  chatId?: string | undefined;
  /** Of the last event that is in here. */
  cursor?: string | undefined;
  status: AnswerStatus;
  text: string;
  reasoning: string;
  model?: string | undefined;
  sources?: Source[] | undefined;
  usage?: Usage | undefined;
  queue?: { position: number; waitMs: number | undefined } | undefined;
  /** How often another worker went on with it. */
  takeovers: number;
  /** How often it began anew. */
  resets: number;
  failure?: AnswerFailure | undefined;
}

/** A new answer, of which nothing has come. */
export function createAnswer(idempotencyKey: string): Answer {
  return { idempotencyKey, status: 'sending', text: '', reasoning: '', takeovers: 0, resets: 0 };
}

/** Whether more of it is to come. */
export function isUnfinished({ status }: Pick<Answer, 'status'>): boolean {
  return status === 'sending' || status === 'queued' || status === 'running' || status === 'interrupted';
}

/** Takes one event of the answer's stream in. */
export function applyEvent(answer: Answer, event: ChatEvent): void {
  if (event.cursor !== undefined) answer.cursor = event.cursor;
  switch (event.type) {
    case 'accepted':
      answer.chatId = event.id;
      if (answer.status === 'sending') answer.status = 'queued';
      break;
    case 'queued':
      answer.status = 'queued';
      answer.queue = { position: event.position, waitMs: event.estimated_wait_ms };
      break;
    case 'started':
      answer.status = 'running';
      answer.model = event.model ?? answer.model;
      answer.queue = undefined;
      break;
    case 'sources':
      answer.sources = event.sources;
      break;
    case 'content':
      answer.status = 'running';
      answer.text += event.content;
      break;
    case 'reasoning':
      answer.status = 'running';
      answer.reasoning += event.reasoning;
      break;
    case 'continued':
      answer.status = 'running';
      answer.takeovers += 1;
      // The model thinks again, and says so again.
      answer.reasoning = '';
      break;
    case 'reset':
      emptyAnswer(answer);
      answer.status = 'running';
      answer.resets += 1;
      break;
    case 'usage': {
      const { prompt_tokens, completion_tokens, estimated, dropped_citations } = event;
      answer.usage = { prompt_tokens, completion_tokens, estimated, dropped_citations };
      break;
    }
    case 'done':
      answer.status = 'done';
      break;
    case 'cancelled':
      answer.status = 'stopped';
      answer.queue = undefined;
      break;
    case 'tool_calls':
      break;
  }
}

/** Takes back what has come, before it comes again from the beginning. */
export function emptyAnswer(answer: Answer): void {
  answer.text = '';
  answer.reasoning = '';
  answer.sources = undefined;
  answer.usage = undefined;
}

/** The choice as the API takes it. */
export function toKnowledgeOption(choice: KnowledgeChoice): NonNullable<ChatRequest['knowledge']> {
  switch (choice.kind) {
    case 'off':
      return false;
    case 'all':
      return true;
    case 'collections':
      return choice.names.length === 0 ? true : { collections: choice.names };
    case 'documents':
      return choice.documents.length === 0 ? true : { documents: choice.documents.map(({ id }) => id) };
  }
}
