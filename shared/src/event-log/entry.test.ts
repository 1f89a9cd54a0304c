import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareLogIds, decodeEntry, decodeRing, encodeRecord, isLogId } from './entry.ts';

describe('log entries', () => {
  it('are ordered by attempt, then sequence, as numbers', () => {
    const ids = ['0-1', '1-1', '1-2', '1-10', '2-1', '10-1'];
    assert.deepEqual(ids.toReversed().toSorted(compareLogIds), ids);
    assert.equal(compareLogIds('1-2', '1-2'), 0);
  });

  it('are recognized by their id alone', () => {
    for (const id of ['1-1', '0-1', '12-345']) assert.ok(isLogId(id), id);
    for (const id of ['', '1', '1-', '-1', '1-1 ', '1-1-1', 'a-b', '1.5-2', '99999999999-1'])
      assert.ok(!isLogId(id), id);
  });

  it('survive the doorbell with spaces, line breaks, lone surrogates and Chinese', () => {
    const content = 'a b\n\r\n  c \ud83d 你好 "quoted" \u2028';
    const [type, data] = encodeRecord({ type: 'delta', content });
    assert.ok(!/[\r\n]/.test(data), 'a record is one line');
    const ring = decodeRing('default', `1-1 1-2 ${type} default ${data}`);
    assert.deepEqual(ring, { prev: '1-1', entry: { id: '1-2', record: { type: 'delta', content } } });
  });

  it('of another tenant are refused', () => {
    const [type, data] = encodeRecord({ type: 'delta', content: 'x' });
    assert.throws(
      () => decodeEntry('default', ['1-1', ['type', type, 'tenant', 'other', 'data', data]]),
      /does not belong/,
    );
    assert.throws(() => decodeRing('default', `0-1 1-1 ${type} other ${data}`), /does not belong/);
  });
});
