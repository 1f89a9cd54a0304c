import type { z } from 'zod';
import type { chatStateSchema } from './contracts/chat.ts';
import type { LogEntry } from './event-log/entry.ts';

/** What a chat's log says so far. */
export type ChatState = z.infer<typeof chatStateSchema> & {
  /** Whether the model has begun to call tools. */
  has_tool_calls?: boolean;
};

/** Folds a chat's log (or its beginning) into its state. */
export function foldChat(id: string, entries: Iterable<LogEntry>): ChatState {
  const state: ChatState = { id, status: 'queued', content: '' };
  for (const entry of entries) applyToChat(state, entry);
  return state;
}

/** Moves a state on by one entry. */
export function applyToChat(state: ChatState, { record }: LogEntry): void {
  switch (record.type) {
    case 'queued':
    case 'progress':
      break;
    case 'started':
    case 'continued':
      state.status = 'running';
      break;
    case 'reset':
      state.content = '';
      delete state.has_tool_calls;
      break;
    case 'sources':
      state.sources = record.sources;
      break;
    case 'delta':
      state.content += record.content ?? '';
      if (record.tool_calls) state.has_tool_calls = true;
      break;
    case 'usage': {
      const { type: _type, ...usage } = record;
      state.usage = usage;
      break;
    }
    case 'done':
      state.status = 'done';
      state.finish_reason = record.finish_reason;
      break;
    case 'failed':
      state.status = 'failed';
      state.error = {
        code: record.code,
        message: record.error,
        ...(record.retry_after !== undefined && { retry_after: record.retry_after }),
      };
      break;
    case 'cancelled':
      state.status = 'cancelled';
      break;
  }
}
