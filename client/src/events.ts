import type { Source, Usage } from './types.ts';

/** What every event of a log carries. */
export interface LogEvent {
  /** The position behind this event: with it, a stream resumes at the next one. */
  cursor: string;
}

/** The job waits. */
export interface QueuedEvent extends LogEvent {
  type: 'queued';
  /** Jobs ahead. */
  position: number;
  /** Milliseconds, from the rate at which jobs were taken lately; absent when none was. */
  estimated_wait_ms?: number | undefined;
}

/** A worker has the job. */
export interface StartedEvent extends LogEvent {
  type: 'started';
  attempt: number;
  model?: string | undefined;
}

/** Another worker has taken over from one that was lost, and goes on where it was. */
export interface ContinuedEvent extends LogEvent {
  type: 'continued';
  attempt: number;
}

/** Going on was not possible: what came so far is void, and the job begins again. */
export interface ResetEvent extends LogEvent {
  type: 'reset';
  attempt: number;
}

/** The job was cancelled. The stream ends with it. */
export interface CancelledEvent extends LogEvent {
  type: 'cancelled';
}

/** The server has the chat: it now goes on whether or not anybody watches. The first event of a new chat. */
export interface AcceptedEvent {
  type: 'accepted';
  /** The chat's id. */
  id: string;
  /** It is no part of the log, so nothing resumes from it. */
  cursor?: undefined;
}

/** The passages that the answer may cite. */
export interface SourcesEvent extends LogEvent {
  type: 'sources';
  sources: Source[];
}

/** A piece of the answer, to be appended. */
export interface ContentEvent extends LogEvent {
  type: 'content';
  content: string;
}

/** A piece of what the model thinks before it answers. */
export interface ReasoningEvent extends LogEvent {
  type: 'reasoning';
  reasoning: string;
}

/** Tools that the model wants to be called, as the model's API has them. */
export interface ToolCallsEvent extends LogEvent {
  type: 'tool_calls';
  tool_calls: unknown[];
}

/** What the answer cost. */
export interface UsageEvent extends LogEvent, Usage {
  type: 'usage';
}

/** The answer is complete. The stream ends with it. */
export interface ChatDoneEvent extends LogEvent {
  type: 'done';
}

/** What a chat's stream may bring. A failure is no event: it is thrown as {@link SluiceApiError}. */
export type ChatEvent =
  | AcceptedEvent
  | QueuedEvent
  | StartedEvent
  | SourcesEvent
  | ContentEvent
  | ReasoningEvent
  | ToolCallsEvent
  | ContinuedEvent
  | ResetEvent
  | UsageEvent
  | ChatDoneEvent
  | CancelledEvent;

/** How far a document is. */
export interface ProgressEvent extends LogEvent {
  type: 'progress';
  stage: 'extract' | 'chunk' | 'embed' | 'upsert';
  /** Units done, of `total`. */
  done: number;
  total: number;
}

/** The document is indexed. The stream ends with it. */
export interface DocumentDoneEvent extends LogEvent {
  type: 'done';
  finish_reason: string;
  /** Passages in the index. */
  chunks?: number | undefined;
}

/** What a document's stream may bring. A failure is no event: it is thrown as {@link SluiceApiError}. */
export type DocumentEvent =
  | QueuedEvent
  | StartedEvent
  | ProgressEvent
  | ContinuedEvent
  | ResetEvent
  | DocumentDoneEvent
  | CancelledEvent;
