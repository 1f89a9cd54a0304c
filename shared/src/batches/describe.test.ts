import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { BATCH_ITEM_STATUSES } from '../contracts/batches.ts';
import type { Batch } from '../contracts/batches.ts';
import { describeBatch } from './describe.ts';
import type { BatchOrigin } from './origin.ts';

const ORIGIN: BatchOrigin = {
  id: 'batch_1',
  collection: 'default',
  replace: 'none',
  metadata: {},
  created_at: '2026-01-01T00:00:00.000Z',
  caller: 'batch 127.0.0.1',
  request_id: 'request',
  retention_ms: 1_000,
};
/** A slot of ten seconds begins 5 s before. */
const NOW = 1_000_005;
const SLOT = 100_000;
const countsOf = (counts: Partial<Batch['counts']>) => ({
  ...(Object.fromEntries(BATCH_ITEM_STATUSES.map((status) => [status, 0])) as Batch['counts']),
  ...counts,
});
const estimate = (fields: Record<string, string>, counts: Partial<Batch['counts']>) => {
  mock.timers.enable({ apis: ['Date'], now: NOW * 1_000 });
  try {
    return describeBatch(ORIGIN, fields, countsOf(counts)).estimated_seconds;
  } finally {
    mock.timers.reset();
  }
};

describe('the time left of a batch', () => {
  const left = { pending: 300, queued: 90, processing: 10 };

  it('follows from what ended in the last minute', () => {
    // The last six slots are 55 s, and have 110: two a second.
    const ended = { [`s ${SLOT}`]: '10', [`s ${SLOT - 3}`]: '100', [`s ${SLOT - 6}`]: '1000' };
    assert.equal(estimate({ started_at: '1', ...ended }, left), 200);
  });

  it('counts from the beginning when that is less than a minute ago', () => {
    assert.equal(estimate({ started_at: String(NOW - 5), [`s ${SLOT}`]: '10' }, left), 200);
  });

  it('is not told before anything has ended, or while nothing is fed', () => {
    assert.equal(estimate({ started_at: '1' }, left), undefined);
    assert.equal(estimate({ started_at: '1', paused: '1', [`s ${SLOT}`]: '10' }, left), undefined);
    assert.equal(estimate({ started_at: '1', cancelled: '1', [`s ${SLOT}`]: '10' }, left), undefined);
    assert.equal(estimate({ started_at: '1', [`s ${SLOT}`]: '10' }, { ready: 10 }), 0);
  });
});
