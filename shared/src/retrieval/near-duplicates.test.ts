import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Candidate } from './candidates.ts';
import { dropNearDuplicates } from './near-duplicates.ts';
import { fitCandidates, fitNeighbours } from './token-budget.ts';

const ENGLISH =
  'The foghorn was replaced in 1931 by a compressed air siren that is heard at a distance of eleven miles, and the keeper of the northern station winds the clockwork at nine and at three each night of the winter, whatever the weather may be and whoever comes to relieve him in the morning.';
const CHINESE =
  '龙井茶产于杭州西湖一带，冲泡时水温以八十度为宜，先用少量热水温杯，再放入三克茶叶，注水至七分满，静置两分钟后即可饮用，第二泡的滋味往往比第一泡更加醇厚，茶汤呈现嫩绿的颜色并散发出豆香。';

const make = (text: string, headings: string[] = [], index = 0): Candidate => ({
  hit: {
    documentId: 'd',
    version: 1,
    index,
    filename: 'f',
    collection: 'default',
    labels: [],
    text,
    start: 0,
    end: text.length,
    headings,
    score: 1,
  },
  scores: { fused: 1 },
});
const keep = (...candidates: Candidate[]) =>
  dropNearDuplicates(candidates, 10).kept.map(({ hit }) => hit.text);

describe('near-duplicates', () => {
  it('are dropped, in English and Chinese, the better one kept', () => {
    for (const [text, other] of [
      [ENGLISH, ENGLISH],
      [ENGLISH, ENGLISH.replace('in the morning', 'at dawn').toUpperCase()],
      [CHINESE, `${CHINESE}。`],
      [CHINESE, CHINESE.replace('更加醇厚', '更醇厚')],
      ['Yes.', 'yes'],
    ] as const) {
      assert.deepEqual(keep(make(text), make(other)), [text]);
    }
  });

  it('are not what differs in a number, in its section, or in more than a little', () => {
    for (const [left, right] of [
      [make(ENGLISH), make(ENGLISH.replace('1931', '1932'))],
      [make(CHINESE), make(CHINESE.slice(40))],
      [make('500', ['A']), make('500', ['B'])],
      [make(ENGLISH), make(CHINESE)],
    ] as const) {
      assert.equal(keep(left, right).length, 2);
    }
  });

  it('are counted until there are enough passages', () => {
    const { kept, dropped } = dropNearDuplicates(
      [make(ENGLISH), make(ENGLISH), make(CHINESE), make(CHINESE)],
      2,
    );
    assert.deepEqual([kept.length, dropped], [2, 1]);
  });
});

describe('token budget', () => {
  it('takes candidates in their order while there is room', () => {
    const texts = ['a'.repeat(40), 'b'.repeat(40), '汉'.repeat(20), 'c'];
    const { kept, left, dropped } = fitCandidates(
      texts.map((text) => make(text)),
      25,
    );
    assert.deepEqual([kept.length, left, dropped], [2, 5, 2]);
  });

  it('cuts the first where it alone is too long, at an exact offset and never within a character', () => {
    const { kept, left, dropped } = fitCandidates([make('😀'.repeat(100)), make('b')], 7);
    assert.deepEqual([kept.length, left, dropped], [1, 0, 1]);
    const [{ hit }] = kept as [Candidate];
    assert.ok(hit.text.length > 0 && hit.text.isWellFormed());
    assert.equal(hit.end, hit.text.length);
  });

  it('gives the rest to neighbours of the best', () => {
    const best = make('x', [], 5);
    const other = make('y', [], 9);
    const neighbours = [10, 6, 4].map((index) => make('z'.repeat(40), [], index).hit);
    assert.deepEqual(
      fitNeighbours([best, other], neighbours, 25).map(({ index }) => index),
      [4, 6],
    );
  });
});
