import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { measureCoverage } from './chunking.ts';
import { judgeRankings } from './metrics.ts';

describe('judgeRankings', () => {
  it('is 1 throughout where the one relevant document is first', () => {
    const quality = judgeRankings([{ ranking: ['a', 'b'], relevant: new Map([['a', 1]]) }]);
    assert.deepEqual(new Set(Object.values(quality)), new Set([1]));
  });

  it('discounts by rank, and counts nothing beyond 10', () => {
    const third = { ranking: ['x', 'y', 'a'], relevant: new Map([['a', 1]]) };
    assert.deepEqual(judgeRankings([third]), {
      'recall@1': 0,
      'recall@5': 1,
      'recall@10': 1,
      'ndcg@10': 1 / Math.log2(4),
      'mrr@10': 1 / 3,
    });
    const eleventh = { ...third, ranking: ['x', ...Array.from({ length: 9 }, () => 'y'), 'a'] };
    assert.deepEqual(new Set(Object.values(judgeRankings([eleventh]))), new Set([0]));
  });

  it('compares with the best order of all relevant documents, by their grades', () => {
    const relevant = new Map([
      ['a', 2],
      ['b', 1],
      ['missing', 1],
    ]);
    const quality = judgeRankings([{ ranking: ['b', 'a'], relevant }]);
    const ideal = 2 + 1 / Math.log2(3) + 1 / Math.log2(4);
    assert.equal(quality['ndcg@10'], (1 + 2 / Math.log2(3)) / ideal);
    assert.equal(quality['recall@5'], 2 / 3);
  });

  it('is the mean over questions, those that found nothing among them', () => {
    const relevant = new Map([['a', 1]]);
    const quality = judgeRankings([
      { ranking: ['a'], relevant },
      { ranking: [], relevant },
    ]);
    assert.equal(quality['ndcg@10'], 0.5);
  });
});

describe('measureCoverage', () => {
  const spans = [
    { start: 10, end: 20 },
    { start: 40, end: 50 },
  ];

  it('counts characters once, however many passages hold them', () => {
    const passages = [
      { start: 0, end: 15 },
      { start: 12, end: 30 },
      { start: 45, end: 60 },
    ];
    assert.deepEqual(measureCoverage(spans, passages), { recall: 0.75, covered: 0.5 });
  });

  it('covers a span from passages that touch, and none from passages with a gap', () => {
    const touching = [
      { start: 45, end: 55 },
      { start: 35, end: 45 },
    ];
    assert.deepEqual(measureCoverage(spans, touching), { recall: 0.5, covered: 0.5 });
    assert.equal(
      measureCoverage(spans, [
        { start: 35, end: 44 },
        { start: 45, end: 55 },
      ]).covered,
      0,
    );
  });
});
