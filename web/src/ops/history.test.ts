import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OpsSnapshot } from '@sluice/client';
import { addSample, byMinute, summarize, toColumns } from './history.ts';
import type { Sample } from './history.ts';

const BEGIN = Date.parse('2026-11-24T12:00:00Z') / 1_000;
const snapshotAt = (seconds: number, p95_ms?: number, tokens = 0): OpsSnapshot =>
  ({
    at: new Date((BEGIN + seconds) * 1_000).toISOString(),
    chat: {
      first_token: { count: 1, p95_ms },
      tokens_per_second: tokens,
      tokens_delivered_per_second: tokens,
    },
    ingest: { documents_per_second: 0.5, chunks_per_second: 3 },
  }) as OpsSnapshot;
const collect = (...snapshots: OpsSnapshot[]) => snapshots.reduce<Sample[]>(addSample, []);

describe('history of the operations page', () => {
  it('keeps ten minutes', () => {
    const history = collect(snapshotAt(0), snapshotAt(300), snapshotAt(599), snapshotAt(601));
    assert.deepEqual(
      history.map(({ at }) => at - BEGIN),
      [300, 599, 601],
    );
    assert.equal(history[0]?.documents, 30, 'per minute');
  });

  it('takes no sample twice, and goes on where another gateway’s clock is behind', () => {
    const history = collect(snapshotAt(0), snapshotAt(2), snapshotAt(2), snapshotAt(1));
    assert.deepEqual(
      history.map(({ at }) => at - BEGIN),
      [0, 1],
    );
  });

  it('breaks lines where nobody looked, and where there was nothing', () => {
    const history = collect(snapshotAt(0, 100), snapshotAt(2), snapshotAt(4, 300), snapshotAt(60, 500));
    const [times, p95] = toColumns(history, ['p95']);
    assert.deepEqual(
      times.map((at) => at - BEGIN),
      [0, 2, 4, 32, 60],
    );
    assert.deepEqual(p95, [100, null, 300, null, 500]);
  });

  it('is told in words: the latest and the highest, and by the minute', () => {
    const history = collect(snapshotAt(0, 900, 4), snapshotAt(30, 100, 9), snapshotAt(60, undefined, 5));
    assert.deepEqual(summarize(history, 'p95'), { latest: undefined, highest: 900 });
    assert.deepEqual(summarize(history, 'generated'), { latest: 5, highest: 9 });
    assert.deepEqual(summarize([], 'p95'), { latest: undefined, highest: undefined });
    assert.deepEqual(byMinute(history, ['p95', 'generated']), [
      { at: BEGIN + 60, values: [undefined, 5] },
      { at: BEGIN, values: [900, 9] },
    ]);
  });
});
