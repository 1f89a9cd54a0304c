import type { LogRecord } from '@sluice/shared/contracts/events';
import { compareLogIds, LOG_START } from '@sluice/shared/event-log/entry';
import type { LogEntry } from '@sluice/shared/event-log/entry';
import { acceptedFrame, renderChatEntry } from '../../services/gateway/src/renderers/native.ts';
import type { ChatEvent } from '../src/index.ts';

export const CHAT_ID = 'chat_recorded';

const RECORDS: [id: string, record: LogRecord][] = [
  ['0-1', { type: 'queued', position: 3 }],
  ['1-1', { type: 'started', attempt: 1, model: 'm' }],
  ['1-2', { type: 'delta', reasoning: '嗯' }],
  ['1-3', { type: 'delta', content: '你好，' }],
  ['1-4', { type: 'delta', content: '👩‍🚀\n\n' }],
  ['2-1', { type: 'continued', attempt: 2 }],
  ['2-2', { type: 'delta', content: 'data: ж' }],
  ['2-10', { type: 'usage', prompt_tokens: 5, completion_tokens: 7 }],
  ['2-11', { type: 'done', finish_reason: 'stop' }],
];

/** A chat's log, as the gateway would have it. */
export const ENTRIES: LogEntry[] = RECORDS.map(([id, record]) => ({ id, record }));

/** The answer in it. */
export const TEXT = '你好，👩‍🚀\n\ndata: ж';

/** The events that a reader of the whole must get. */
export const EVENTS: ChatEvent[] = [
  { type: 'accepted', id: CHAT_ID },
  { type: 'queued', cursor: '0-1', position: 3 },
  { type: 'started', cursor: '1-1', attempt: 1, model: 'm' },
  { type: 'reasoning', cursor: '1-2', reasoning: '嗯' },
  { type: 'content', cursor: '1-3', content: '你好，' },
  { type: 'content', cursor: '1-4', content: '👩‍🚀\n\n' },
  { type: 'continued', cursor: '2-1', attempt: 2 },
  { type: 'content', cursor: '2-2', content: 'data: ж' },
  { type: 'usage', cursor: '2-10', prompt_tokens: 5, completion_tokens: 7 },
  { type: 'done', cursor: '2-11' },
];

/** What the gateway sends, by the gateway's own renderer: of the whole, or after a cursor. */
export function renderStream(after?: string): string {
  const frames = ENTRIES.filter(({ id }) => compareLogIds(id, after ?? LOG_START) > 0).map(renderChatEntry);
  return (after === undefined ? acceptedFrame(CHAT_ID) : '') + frames.join('');
}
