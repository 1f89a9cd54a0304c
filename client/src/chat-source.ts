import type { HttpRequest } from './connection.ts';
import type { ChatEvent } from './events.ts';
import type { StreamSource } from './follow.ts';
import { decodeNamed, parseData } from './frames.ts';
import type { Frame } from './frames.ts';
import { eventsRequest, postJson } from './request.ts';
import type { ChatRequest } from './types.ts';

/** A chat to begin, or one that has begun. */
export type ChatStart =
  | { request: ChatRequest; idempotencyKey: string }
  | { id: string; after?: string | undefined };

/**
 * The stream of a chat. A new chat is asked for, with the same key, until the server says its id; from then on its
 * events are followed.
 *
 * @param onId called with the chat's id, once it is known
 */
export function createChatSource(start: ChatStart, onId: (id: string) => void): StreamSource<ChatEvent> {
  let id = 'id' in start ? start.id : undefined;
  const accept = (value: unknown) => {
    if (id !== undefined || typeof value !== 'string') return;
    id = value;
    onId(value);
  };
  if (id !== undefined) onId(id);
  return {
    after: 'id' in start ? start.after : undefined,
    request: (cursor) =>
      id === undefined && 'request' in start
        ? askForStream(start.request, start.idempotencyKey)
        : eventsRequest(`${chatPath(id ?? '')}/events`, cursor),
    onResponse: (response) => accept(response.headers.get('x-chat-id')),
    decode(frame) {
      if (frame.event !== 'accepted') return decodeChatFrame(frame);
      accept(parseData(frame)['id']);
      return undefined;
    },
  };
}

/** Where a chat is. */
export function chatPath(id: string): string {
  return `/api/chat/${encodeURIComponent(id)}`;
}

function askForStream(request: ChatRequest, idempotencyKey: string): HttpRequest {
  const post = postJson('/api/chat', { ...request, stream: true });
  return { ...post, headers: { ...post.headers, 'idempotency-key': idempotencyKey } };
}

const NAMED: ReadonlySet<string> = new Set<ChatEvent['type']>([
  'queued',
  'started',
  'sources',
  'reasoning',
  'tool_calls',
  'continued',
  'reset',
  'usage',
  'cancelled',
]);

/** The event of one frame of a chat's stream; undefined for those that later servers may add. */
function decodeChatFrame(frame: Frame): ChatEvent | undefined {
  const cursor = frame.id ?? '';
  if (frame.event !== undefined) return NAMED.has(frame.event) ? decodeNamed<ChatEvent>(frame) : undefined;
  if (frame.data === '[DONE]') return { type: 'done', cursor };
  const { content } = parseData(frame);
  return typeof content === 'string' ? { type: 'content', cursor, content } : undefined;
}
