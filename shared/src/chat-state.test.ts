import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { foldChat } from './chat-state.ts';
import type { LogRecord } from './contracts/events.ts';

const fold = (...records: LogRecord[]) =>
  foldChat(
    'c',
    records.map((record, i) => ({ id: `1-${i + 1}`, record })),
  );

describe('the state of a chat', () => {
  it('follows its log', () => {
    const usage = { prompt_tokens: 3, completion_tokens: 2 };
    assert.equal(fold().status, 'queued');
    assert.equal(fold({ type: 'queued', position: 2 }).status, 'queued');
    assert.equal(fold({ type: 'started', attempt: 1 }).status, 'running');
    const state = fold(
      { type: 'started', attempt: 1 },
      { type: 'delta', content: 'Hel' },
      { type: 'delta', reasoning: 'not part of it' },
      { type: 'continued', attempt: 2 },
      { type: 'delta', content: 'lo' },
      { type: 'usage', ...usage },
      { type: 'done', finish_reason: 'stop' },
    );
    assert.deepEqual(state, { id: 'c', status: 'done', content: 'Hello', finish_reason: 'stop', usage });
  });

  it('begins anew at a reset, and ends in failure or cancellation with what there is', () => {
    assert.equal(
      fold({ type: 'delta', content: 'a' }, { type: 'reset', attempt: 2 }, { type: 'delta', content: 'b' })
        .content,
      'b',
    );
    const failed = fold(
      { type: 'delta', content: 'a' },
      { type: 'failed', error: 'No model.', code: 'model_unavailable' },
    );
    assert.deepEqual(
      [failed.status, failed.content, failed.error],
      ['failed', 'a', { code: 'model_unavailable', message: 'No model.' }],
    );
    assert.equal(fold({ type: 'cancelled' }).status, 'cancelled');
  });
});
