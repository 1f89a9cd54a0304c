import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Batch } from '@sluice/client';
import { countBatch, createRateMeter } from './batch-progress.ts';

const NONE: Batch['counts'] = {
  receiving: 0,
  pending: 0,
  queued: 0,
  processing: 0,
  ready: 0,
  duplicate: 0,
  failed: 0,
  refused: 0,
  cancelled: 0,
};

describe('batch progress', () => {
  it('counts what is over, and what went wrong', () => {
    const counts = { ...NONE, ready: 50, duplicate: 5, failed: 3, refused: 2, processing: 10, pending: 30 };
    const { segments, ...figures } = countBatch({ counts, items: 100 });
    assert.deepEqual(figures, { total: 100, ended: 60, share: 0.6, faulty: 5 });
    assert.deepEqual(
      segments.map(({ status, count }) => [status, count]),
      [
        ['ready', 50],
        ['duplicate', 5],
        ['failed', 3],
        ['refused', 2],
        ['processing', 10],
        ['pending', 30],
      ],
    );
    assert.ok(Math.abs(segments.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9);
  });

  it('takes files that are on their way into account, and an empty batch as not begun', () => {
    assert.deepEqual(countBatch({ counts: { ...NONE, ready: 25 }, items: 25 }, 75).share, 0.25);
    assert.deepEqual(countBatch({ counts: NONE, items: 0 }), {
      total: 0,
      ended: 0,
      share: 0,
      faulty: 0,
      segments: [],
    });
  });

  it('measures a speed over the last seconds', () => {
    const meter = createRateMeter(10_000);
    assert.equal(meter.rate(0), undefined);
    for (let second = 0; second <= 30; second++) meter.note(second * 1_000, second * (second <= 20 ? 5 : 20));
    const rate = meter.rate(30_000) ?? 0;
    assert.ok(rate > 19 && rate < 55, String(rate));
    for (let second = 31; second <= 60; second++) meter.note(second * 1_000, second * 20);
    assert.equal(Math.round(meter.rate(60_000) ?? 0), 20);
    assert.equal(meter.rate(100_000), 0, 'what stands still has no speed');
  });
});
