import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createParser } from 'eventsource-parser';
import type { LogRecord } from '@sluice/shared/contracts/events';
import { acceptedFrame, renderChatEntry, renderDocumentEntry } from './native.ts';

describe('native protocol', () => {
  it('renders a delta as id and data alone', () => {
    const frame = renderChatEntry({ id: '1-2', record: { type: 'delta', content: 'a\n你' } });
    assert.equal(frame, 'id: 1-2\ndata: {"content":"a\\n你"}\n\n');
  });

  it('ends with [DONE], and with an error event on failure', () => {
    assert.equal(
      renderChatEntry({ id: '1-9', record: { type: 'done', finish_reason: 'stop' } }),
      'id: 1-9\ndata: [DONE]\n\n',
    );
    const failed = renderChatEntry({ id: '1-9', record: { type: 'failed', error: 'No.', code: 'x' } });
    assert.equal(failed, 'id: 1-9\nevent: error\ndata: {"error":"No.","code":"x","content":""}\n\n');
  });

  it('adds nothing to the answer of a client that appends the content of every data line', () => {
    const records: LogRecord[] = [
      { type: 'queued', position: 0 },
      { type: 'started', attempt: 1 },
      { type: 'sources', sources: [] },
      { type: 'delta', reasoning: 'hm' },
      { type: 'delta', content: 'yes' },
      { type: 'delta', tool_calls: [{}] },
      { type: 'continued', attempt: 2 },
      { type: 'usage', prompt_tokens: 1, completion_tokens: 1 },
      { type: 'progress', stage: 'embed', done: 1, total: 2 },
      { type: 'failed', error: 'No.', code: 'x' },
    ];
    const frames =
      acceptedFrame('chat_1') +
      records.map((record, i) => renderChatEntry({ id: `1-${i + 1}`, record })).join('');
    const contents: unknown[] = [];
    const parser = createParser({
      onEvent: ({ data }) => contents.push((JSON.parse(data) as { content: unknown }).content),
    });
    parser.feed(frames);
    assert.equal(contents.length, records.length + 1);
    assert.equal(contents.join(''), 'yes');
  });

  it('ends the progress of a document with its result and [DONE]', () => {
    const frames = renderDocumentEntry({
      id: '1-5',
      record: { type: 'done', finish_reason: 'indexed', chunks: 7 },
    });
    assert.match(
      frames,
      /event: done\ndata: \{"finish_reason":"indexed","chunks":7,"content":""\}\n\nid: 1-5\ndata: \[DONE\]\n\n$/,
    );
  });
});
