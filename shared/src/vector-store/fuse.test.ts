import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fuseRankings } from './fuse.ts';
import type { Hit } from './port.ts';

describe('fuseRankings', () => {
  it('adds 1 / (60 + rank) of both rankings and keeps their scores', () => {
    const fused = fuseRankings({
      dense: [makeHit('a', 0.9), makeHit('b', 0.8)],
      lexical: [makeHit('b', 7), makeHit('c', 5)],
    });
    assert.deepEqual(
      fused.map(({ hit, ...scores }) => [hit.documentId, scores]),
      [
        ['b', { score: 1 / 62 + 1 / 61, dense: 0.8, lexical: 7 }],
        ['a', { score: 1 / 61, dense: 0.9 }],
        ['c', { score: 1 / 62, lexical: 5 }],
      ],
    );
  });

  it('tells chunks apart by document, version and index', () => {
    const hits = [makeHit('a', 1), makeHit('a', 1, { version: 2 }), makeHit('a', 1, { index: 1 })];
    assert.equal(fuseRankings({ dense: hits, lexical: hits }).length, 3);
  });

  it('keeps equal scores in the order dense before lexical', () => {
    const fused = fuseRankings({ dense: [makeHit('a', 1)], lexical: [makeHit('b', 1)] });
    assert.deepEqual(
      fused.map(({ hit }) => hit.documentId),
      ['a', 'b'],
    );
  });

  it('is empty for empty rankings', () => {
    assert.deepEqual(fuseRankings({ dense: [], lexical: [] }), []);
  });
});

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
