import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { estimatePercentile } from './percentiles.ts';

const near = (actual: number | undefined, expected: number) =>
  assert.ok(actual !== undefined && Math.abs(actual - expected) < 1e-9, `${actual}, not ${expected}`);

describe('a percentile of buckets', () => {
  it('lies in the bucket that has it, evenly spread', () => {
    const buckets = { '0.1': 50, '0.5': 90, '1': 100, '+Inf': 100 };
    near(estimatePercentile(buckets, 0.5), 0.1);
    near(estimatePercentile(buckets, 0.25), 0.05);
    near(estimatePercentile(buckets, 0.7), 0.3);
    near(estimatePercentile(buckets, 0.95), 0.75);
  });

  it('is nothing of nothing, and the last bound of what is above it', () => {
    assert.equal(estimatePercentile({}, 0.5), undefined);
    assert.equal(estimatePercentile({ '1': 0, '+Inf': 0 }, 0.5), undefined);
    near(estimatePercentile({ '1': 0, '5': 0, '+Inf': 3 }, 0.5), 5);
  });

  it('does not depend on the order of the bounds, which are text', () => {
    near(estimatePercentile({ '+Inf': 10, '10': 10, '9': 0, '0.5': 0 }, 1), 10);
  });
});
