import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toScoreBars } from './search-scores.ts';

describe('search scores', () => {
  it('shows similarities as they are, and words relative to the best', () => {
    const [first, second] = toScoreBars([
      { scores: { fused: 0.6, dense: 0.8, lexical: 12 } },
      { scores: { fused: 0.2, lexical: 3, rerank: 0.4 } },
    ]);
    assert.deepEqual(first, [
      { name: 'fused', value: 0.6, share: 0.6 },
      { name: 'dense', value: 0.8, share: 0.8 },
      { name: 'lexical', value: 12, share: 1 },
    ]);
    assert.deepEqual(
      second?.map(({ name, share }) => [name, share]),
      [
        ['fused', 0.2],
        ['lexical', 0.25],
        ['rerank', 0.4],
      ],
    );
  });

  it('holds with scores that are negative, beyond one, or none at all', () => {
    const bars = toScoreBars([
      { scores: { fused: 1, dense: -0.1, rerank: 8 } },
      { scores: { fused: 0, lexical: 0, rerank: -3 } },
    ]);
    assert.deepEqual(
      bars.map((one) => one.map(({ share }) => share)),
      [
        [1, 0, 1],
        [0, 0, 0],
      ],
    );
    assert.deepEqual(toScoreBars([]), []);
  });
});
