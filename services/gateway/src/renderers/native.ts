import type { LogEntry } from '@sluice/shared/event-log/entry';
import { frame } from '../sse.ts';

/**
 * A named event. The empty `content` lets a client that appends the `content` of every data line, whatever its
 * event, work unchanged (docs/decisions/0005-named-events-carry-empty-content.md).
 */
export function named(event: string, data: object, id?: string): string {
  return frame(JSON.stringify({ ...data, content: '' }), { event, ...(id !== undefined && { id }) });
}

/** The first frame of every streamed answer: the id to resume or cancel it by. */
export function acceptedFrame(chatId: string): string {
  return named('accepted', { id: chatId });
}

/** The frames of one entry of a chat's log, in Sluice's own protocol. */
export function renderChatEntry({ id, record }: LogEntry): string {
  switch (record.type) {
    case 'delta':
      if (record.content !== undefined) return frame(JSON.stringify({ content: record.content }), { id });
      if (record.reasoning !== undefined) return named('reasoning', { reasoning: record.reasoning }, id);
      return named('tool_calls', { tool_calls: record.tool_calls }, id);
    case 'done':
      return frame('[DONE]', { id });
    case 'cancelled':
      return renderNamed({ id, record }) + frame('[DONE]', { id });
    default:
      return renderNamed({ id, record });
  }
}

/** The frames of one entry of a document's log: every record is a named event, then `[DONE]`. */
export function renderDocumentEntry(entry: LogEntry): string {
  const { type } = entry.record;
  return type === 'done' ? renderNamed(entry) + frame('[DONE]', { id: entry.id }) : renderNamed(entry);
}

function renderNamed({ id, record }: LogEntry): string {
  const { type, ...data } = record;
  return named(type === 'failed' ? 'error' : type, data, id);
}
