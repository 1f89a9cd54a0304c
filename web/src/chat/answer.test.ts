import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ChatEvent, Source } from '@sluice/client';
import { applyEvent, createAnswer, isUnfinished, toKnowledgeOption } from './answer.ts';

const source: Source = {
  n: 1,
  document_id: 'doc_1',
  filename: 'a.pdf',
  version: 1,
  chunk_index: 0,
  headings: [],
  start: 0,
  end: 1,
  score: 1,
  text: 'T',
};

function play(...events: ChatEvent[]) {
  const answer = createAnswer('key');
  for (const event of events) applyEvent(answer, event);
  return answer;
}

describe('applyEvent', () => {
  it('goes from the queue to the end, and keeps the cursor of what it has', () => {
    const answer = play(
      { type: 'accepted', id: 'chat_1' },
      { type: 'queued', cursor: '0-1', position: 2, estimated_wait_ms: 4_000 },
    );
    assert.equal(answer.status, 'queued');
    assert.deepEqual(answer.queue, { position: 2, waitMs: 4_000 });
    const events: ChatEvent[] = [
      { type: 'started', cursor: '1-1', attempt: 1, model: 'm' },
      { type: 'sources', cursor: '1-2', sources: [source] },
      { type: 'content', cursor: '1-3', content: '你' },
      { type: 'content', cursor: '1-4', content: '好' },
    ];
    for (const event of events) applyEvent(answer, event);
    assert.equal(answer.queue, undefined);
    assert.equal(answer.status, 'running');
    assert.equal(answer.cursor, '1-4');
    applyEvent(answer, { type: 'usage', cursor: '1-5', prompt_tokens: 1, completion_tokens: 2 });
    applyEvent(answer, { type: 'done', cursor: '1-6' });
    assert.equal(answer.text, '你好');
    assert.equal(answer.status, 'done');
    assert.equal(answer.model, 'm');
    assert.equal(answer.usage?.completion_tokens, 2);
    assert.deepEqual(answer.sources, [source]);
    assert.ok(!isUnfinished(answer));
  });

  it('keeps the text when another worker goes on, and drops its thoughts, which come again', () => {
    const answer = play(
      { type: 'accepted', id: 'chat_1' },
      { type: 'started', cursor: '1-1', attempt: 1 },
      { type: 'reasoning', cursor: '1-2', reasoning: 'hm' },
      { type: 'content', cursor: '1-3', content: 'half' },
      { type: 'continued', cursor: '2-1', attempt: 2 },
      { type: 'content', cursor: '2-2', content: ' done' },
    );
    assert.deepEqual([answer.text, answer.reasoning, answer.takeovers], ['half done', '', 1]);
  });

  it('empties all that came when it begins anew', () => {
    const answer = play(
      { type: 'accepted', id: 'chat_1' },
      { type: 'sources', cursor: '1-1', sources: [source] },
      { type: 'content', cursor: '1-2', content: 'void' },
      { type: 'reset', cursor: '2-1', attempt: 2 },
      { type: 'content', cursor: '2-2', content: 'new' },
    );
    assert.deepEqual(
      [answer.text, answer.sources, answer.resets, answer.cursor],
      ['new', undefined, 1, '2-2'],
    );
  });

  it('is stopped by a cancel, and stays as it was accepted when its stream is watched again', () => {
    const answer = play({ type: 'accepted', id: 'chat_1' }, { type: 'cancelled', cursor: '9-1' });
    assert.equal(answer.status, 'stopped');
    const running = play(
      { type: 'accepted', id: 'chat_1' },
      { type: 'content', cursor: '1-1', content: 'a' },
    );
    applyEvent(running, { type: 'accepted', id: 'chat_1' });
    assert.equal(running.status, 'running');
  });
});

describe('toKnowledgeOption', () => {
  it('is what the API takes; an empty choice is no filter', () => {
    assert.equal(toKnowledgeOption({ kind: 'off' }), false);
    assert.equal(toKnowledgeOption({ kind: 'all' }), true);
    assert.deepEqual(toKnowledgeOption({ kind: 'collections', names: ['a'] }), { collections: ['a'] });
    assert.equal(toKnowledgeOption({ kind: 'collections', names: [] }), true);
    assert.deepEqual(toKnowledgeOption({ kind: 'documents', documents: [{ id: 'doc_1', filename: 'x' }] }), {
      documents: ['doc_1'],
    });
  });
});
