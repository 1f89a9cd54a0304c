import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fuseRankings } from './fuse.ts';
import type { FusedHit } from './fuse.ts';
import type { Hit } from './port.ts';

describe('fuseRankings', () => {
  it('adds relative scores, by weight and clarity, and keeps the scores of both rankings', () => {
    const fused = fuseRankings({
      dense: [makeHit('a', 0.9), makeHit('b', 0.8), makeHit('d', 0.4)],
      lexical: [makeHit('b', 8), makeHit('c', 5), makeHit('d', 4)],
    });
    // Relative scores 1, 0.8, 0 and 1, 0.25, 0; clarity 1 - 0.8 / 9 and 1 - 0.25 / 9.
    const dense = 0.35 * (1 - 0.8 / 9);
    const lexical = 0.65 * (1 - 0.25 / 9);
    assertFused(fused, [
      ['b', { score: 0.8 * dense + lexical, dense: 0.8, lexical: 8 }],
      ['a', { score: dense, dense: 0.9 }],
      ['c', { score: 0.25 * lexical, lexical: 5 }],
      ['d', { score: 0, dense: 0.4, lexical: 4 }],
    ]);
  });

  it('counts a ranking less whose hits are alike', () => {
    const alike = Array.from({ length: 12 }, (_, i) => makeHit(`alike-${i}`, 0.5 - i * 1e-6));
    const last = makeHit('last', 0);
    const [first, second] = fuseRankings({
      dense: [makeHit('clear', 0.7), ...alike.map((hit) => ({ ...hit, score: 0.1 })), last],
      lexical: [...alike, makeHit('other', 0.1), last],
    });
    assert.equal(first?.hit.documentId, 'clear');
    assert.equal(second?.hit.documentId, 'alike-0');
  });

  it('takes 0 as the floor of a lexical ranking that has run out of hits', () => {
    const dense = ['a', 'b', 'c', 'd'].map((id, i) => makeHit(id, 0.9 - i / 10));
    const [, second, third] = fuseRankings({ dense, lexical: [makeHit('x', 3), makeHit('y', 2.9)] });
    // With its own last hit as the floor, y would count nothing.
    assert.deepEqual([second?.hit.documentId, third?.hit.documentId], ['y', 'a']);
  });

  it('gives every hit a score from 0 to 1', () => {
    const [only] = fuseRankings({ dense: [makeHit('a', -0.2)], lexical: [makeHit('a', 3)] });
    assert.equal(only?.score, 1);
    const negative = fuseRankings({ dense: [makeHit('a', -0.1), makeHit('b', -0.5)], lexical: [] });
    assert.ok(negative.every(({ score }) => score >= 0 && score <= 1));
  });

  it('tells chunks apart by document, version and index', () => {
    const hits = [makeHit('a', 1), makeHit('a', 1, { version: 2 }), makeHit('a', 1, { index: 1 })];
    assert.equal(fuseRankings({ dense: hits, lexical: hits }).length, 3);
  });

  it('keeps hits of equal score in the order of their rank', () => {
    const hits = [makeHit('a', 1), makeHit('b', 1), makeHit('c', 1)];
    for (const found of [
      { dense: hits, lexical: [] },
      { dense: [], lexical: hits },
    ]) {
      assert.deepEqual(
        fuseRankings(found).map(({ hit }) => hit.documentId),
        ['a', 'b', 'c'],
      );
    }
  });

  it('is empty for empty rankings', () => {
    assert.deepEqual(fuseRankings({ dense: [], lexical: [] }), []);
  });
});

function assertFused(
  fused: readonly FusedHit[],
  expected: readonly (readonly [string, { score: number; dense?: number; lexical?: number }])[],
): void {
  assert.equal(fused.length, expected.length);
  for (const [i, [documentId, { score, ...scores }]] of expected.entries()) {
    const { hit, score: actual, ...rest } = fused[i]!;
    assert.deepEqual([hit.documentId, rest], [documentId, scores]);
    assert.ok(Math.abs(actual - score) < 1e-12, `${documentId}: ${actual}, not ${score}`);
  }
}

function makeHit(documentId: string, score: number, changes: Partial<Hit> = {}): Hit {
  return {
    documentId,
    version: 1,
    index: 0,
    filename: 'f.md',
    collection: 'default',
    labels: [],
    text: 't',
    start: 0,
    end: 1,
    headings: [],
    ...changes,
    score,
  };
}
