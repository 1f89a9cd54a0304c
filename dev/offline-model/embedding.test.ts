import assert from 'node:assert/strict';
import { test } from 'node:test';
import { embedText } from './embedding.ts';

const cosine = (a: string, b: string): number => {
  const [x, y] = [embedText(a, 384), embedText(b, 384)];
  return x.reduce((sum, value, i) => sum + value * (y[i] ?? 0), 0);
};

test('gives vectors of length 1, the same for the same text', () => {
  for (const text of ['Hello world', '你好，世界', '!!!', ' ', 'x'.repeat(10_000)]) {
    const vector = embedText(text, 64);
    assert.equal(vector.length, 64);
    assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-5, text);
    assert.deepEqual(vector, embedText(text, 64));
  }
  assert.ok(Math.abs(Math.hypot(...embedText('one two three four', 1)) - 1) < 1e-5);
});

test('puts texts with common words closer together, in English and Chinese', () => {
  assert.ok(cosine('When are refunds paid?', 'Refunds are paid within 14 days.') > 0.4);
  assert.ok(cosine('When are refunds paid?', 'The pump needs oil every week.') < 0.2);
  assert.ok(
    cosine('退款什么时候到账', '退款将在七天内到账。') >
      cosine('退款什么时候到账', '水泵每周需要加油。') + 0.2,
  );
});
