import type { EventSourceMessage } from 'eventsource-parser';
import type { ChatEvent } from '../../../client/src/events.ts';

/** One record of a log, as the log has it or as a client got it, in one form. */
export interface Seen {
  id: string;
  type: string;
  /** The text of a delta; of everything else its fields as JSON, sorted. */
  body: string;
  /** When it came; `performance.now()`. */
  at: number;
}

/** A record from a client of the package; undefined for what is not in the log. */
export function fromClient(event: ChatEvent, at: number): Seen | undefined {
  if (event.type === 'accepted') return undefined;
  const { type, cursor: id, ...rest } = event;
  if (event.type === 'content') return { id, type: 'delta', body: event.content, at };
  return { id, type, body: type === 'done' ? '' : toBody(rest), at };
}

/** A record from a frame; undefined for `accepted`, and for the `[DONE]` that follows `cancelled` under the same id. */
export function fromFrame(frame: EventSourceMessage, at: number, before?: Seen): Seen | undefined {
  const { id = '', event, data } = frame;
  if (event === 'accepted') return undefined;
  if (data === '[DONE]') return before?.type === 'cancelled' ? undefined : { id, type: 'done', body: '', at };
  const { content, ...rest } = JSON.parse(data) as Record<string, unknown>;
  if (event === undefined) return { id, type: 'delta', body: String(content), at };
  return { id, type: event === 'error' ? 'failed' : event, body: toBody(rest), at };
}

/** A record from the stream in Redis. */
export function fromRedis([id, fields]: [id: string, fields: string[]]): Seen {
  const [, type = '', , , , data = ''] = fields;
  const parsed = JSON.parse(data) as Record<string, unknown>;
  if (type === 'delta') return { id, type, body: String(parsed['content']), at: 0 };
  return { id, type, body: type === 'done' ? '' : toBody(parsed), at: 0 };
}

/** Whether a record ends its log. */
export function isEnd({ type }: Seen): boolean {
  return type === 'done' || type === 'failed' || type === 'cancelled';
}

function toBody(fields: Record<string, unknown>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(fields).toSorted(([a], [b]) => (a < b ? -1 : 1))));
}
