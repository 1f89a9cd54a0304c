import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatAmount, formatClock, formatLatency } from './format.ts';

describe('numbers of the operations page', () => {
  it('have the unit that fits', () => {
    assert.equal(formatLatency(undefined, 'en'), '–');
    assert.equal(formatLatency(4.4, 'en'), '4 ms');
    assert.equal(formatLatency(999.6, 'en'), '1 sec');
    assert.equal(formatLatency(1_234, 'en'), '1.2 sec');
    assert.equal(formatLatency(61_000, 'zh-CN'), '61秒');
    assert.equal(formatAmount(9.96, 'en'), '10');
    assert.equal(formatAmount(0.26, 'en'), '0.3');
    assert.equal(formatAmount(12_345.6, 'en'), '12,346');
  });

  it('tell the time', () => {
    const noon = new Date(2026, 10, 24, 0, 5, 9).getTime() / 1_000;
    assert.equal(formatClock(noon, 'en'), '00:05:09');
    assert.equal(formatClock(noon, 'zh-CN', 'minute'), '00:05');
  });
});
