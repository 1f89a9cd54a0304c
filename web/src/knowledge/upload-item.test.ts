import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DocumentEvent } from '@sluice/client';
import { applyEvent, hasEnded, mayPass, progressOf } from './upload-item.ts';
import type { UploadItem } from './upload-item.ts';

const itemOf = (given: Partial<UploadItem> = {}): UploadItem => ({
  key: 1,
  path: '茶.md',
  bytes: 10,
  stage: 'queued',
  sent: { done: 0, total: 0 },
  indexed: { done: 0, total: 0 },
  ...given,
});
const cursor = '1-1';

describe('upload item', () => {
  it('goes with the events of its document, forward only', () => {
    const item = itemOf({ stage: 'sending', sent: { done: 5, total: 10 } });
    const events: DocumentEvent[] = [
      { type: 'queued', cursor, position: 3 },
      { type: 'started', cursor, attempt: 1 },
      { type: 'progress', cursor, stage: 'extract', done: 0, total: 1 },
      { type: 'progress', cursor, stage: 'extract', done: 1, total: 1 },
      { type: 'progress', cursor, stage: 'upsert', done: 64, total: 200 },
      { type: 'continued', cursor, attempt: 2 },
      { type: 'progress', cursor, stage: 'upsert', done: 180, total: 180 },
      { type: 'done', cursor, finish_reason: 'indexed', chunks: 180 },
    ];
    const seen = [progressOf(item)];
    const stages = events.map((event) => {
      applyEvent(item, event);
      seen.push(progressOf(item));
      return item.stage;
    });
    assert.deepEqual(stages, [
      'queued',
      'reading',
      'reading',
      'indexing',
      'indexing',
      'indexing',
      'indexing',
      'ready',
    ]);
    assert.deepEqual(
      seen,
      seen.toSorted((left, right) => left - right),
    );
    assert.deepEqual([seen[0], seen.at(-1)], [0.2, 1]);
    assert.ok((seen.at(-2) ?? 1) < 1, 'only what is ready is whole');
    assert.deepEqual([item.ahead, item.chunks], [3, 180]);
  });

  it('begins again after a reset, and ends when it is cancelled', () => {
    const item = itemOf({ stage: 'indexing', indexed: { done: 5, total: 10 } });
    applyEvent(item, { type: 'reset', cursor, attempt: 2 });
    assert.deepEqual([item.stage, item.indexed], ['reading', { done: 0, total: 0 }]);
    assert.equal(hasEnded(item), false);
    applyEvent(item, { type: 'cancelled', cursor });
    assert.equal(hasEnded(item), true);
  });

  it('says whether another try makes sense', () => {
    assert.equal(mayPass({ code: 'encrypted', message: '' }), false);
    assert.equal(mayPass({ code: 'model_unavailable', message: '' }), true);
  });
});
