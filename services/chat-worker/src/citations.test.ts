import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Random } from '../../../tests/faults/harness/random.ts';
import { CitationFilter } from './citations.ts';
import { SeamTrimmer } from './takeover.ts';

const SOURCES = 5;

/** What is shown of an answer, and how many numbers were dropped, the same for pieces of every size. */
function filter(text: string, sources = SOURCES): { shown: string; dropped: number } {
  const results = new Map<string, { shown: string; dropped: number }>();
  for (let size = 1; size <= Math.max(1, text.length); size++) {
    const citations = new CitationFilter(sources);
    let shown = '';
    for (let at = 0; at < text.length; at += size) shown += citations.push(text.slice(at, at + size));
    shown += citations.end();
    const result = { shown, dropped: citations.dropped };
    results.set(JSON.stringify(result), result);
  }
  assert.equal(results.size, 1, [...results.keys()].join(' | '));
  return [...results.values()][0] as { shown: string; dropped: number };
}

describe('citations', () => {
  it('of sources stay as they are, to the byte', () => {
    for (const text of [
      'A fact [1].',
      'A fact[1][2] and [ 3 ] [4, 5] [1,2;3] [1-3].',
      '龙井茶产于杭州[1][2]，八十度【3】最宜［4］。［５］【1、2】',
      '[1]',
      ' [1] ',
      'no citation at all',
      '',
    ]) {
      assert.deepEqual(filter(text), { shown: text, dropped: 0 }, text);
    }
  });

  it('of no source are dropped and counted, with the space before them', () => {
    for (const [text, shown, dropped] of [
      ['A fact [7].', 'A fact.', 1],
      ['A fact[7].', 'A fact.', 1],
      ['A fact [1][7][2].', 'A fact [1][2].', 1],
      ['A fact [7] [1] [9]', 'A fact [1]', 2],
      ['A fact [7][1], [7][8], [7][8][2]', 'A fact [1],, [2]', 5],
      ['Both [1, 7].', 'Both [1].', 1],
      ['Three [7, 1, 8, 2].', 'Three [1, 2].', 2],
      ['A range [6-9], [4-9], [5-6].', 'A range, [4-5], [5].', 3],
      ['八十度[7]。', '八十度。', 1],
      ['八十度【7】，杭州［12］。', '八十度，杭州。', 2],
      ['八十度【1、7】', '八十度【1】', 1],
      ['八十度［７］', '八十度', 1],
      ['In 1931[7] it was', 'In 1931 it was', 1],
      ['The end [999]', 'The end', 1],
      ['(as told) [7]\n\n- item [8]\n', '(as told)\n\n- item\n', 2],
    ] as const) {
      assert.deepEqual(filter(text), { shown, dropped }, text);
    }
  });

  it('leave code, indexes, links, years and everything else in brackets alone', () => {
    for (const text of [
      'Use `rows[7]` and ``a ` [8]``.',
      '```js\nconst x = [7];\n\nlist [8]\n```\n',
      '- ~~~\n  [7]\n  ~~~\n',
      '````md\n```\n[7]\n```\n[8]\n````',
      'Take a[7], x1[8], max_tokens[9], itemList[7], args.items[8] or 数组a[7].',
      'a[0][7], [text][7], ![7](a.png), [7](https://example.org) and [8](#x)',
      'In [2026], [0, 9], [9-7], [ ], [x], [], [^7], \\[7\\], [7 8], [1.7], [7',
      '【重要】【',
      'open [7, ',
      `long [${'7,'.repeat(40)}]`,
      '💡 [a] 【第7章】',
    ]) {
      assert.deepEqual(filter(text), { shown: text, dropped: 0 }, text);
    }
  });

  it('are checked again once code has ended', () => {
    for (const [text, shown] of [
      ['`x[7]` says [7].', '`x[7]` says.'],
      ['```\n[7]\n```\nso [7].', '```\n[7]\n```\nso.'],
      ['a stray ` here [7]\n\nnext [7].', 'a stray ` here [7]\n\nnext.'],
      ['a stray ` here\n```\n[7]\n\n[7]\n```\nnext [7].', 'a stray ` here\n```\n[7]\n\n[7]\n```\nnext.'],
    ] as const) {
      assert.equal(filter(text).shown, shown, text);
    }
  });

  it('hold text back only as long as needed', () => {
    const citations = new CitationFilter(SOURCES);
    const steps = [
      ['Oil ', 'Oil'],
      ['is', ' is'],
      [' [1', ''],
      [']', ' [1]'],
      [' [', ''],
      ['x', ' [x'],
      [' [7', ''],
      ['].', '.'],
      ['[7]', ''],
      ['(u)', '[7](u)'],
    ] as const;
    for (const [piece, shown] of steps) assert.equal(citations.push(piece), shown, piece);
    assert.equal(citations.end(), '');
  });

  it('come out the same however any text is cut', () => {
    const random = new Random(7);
    const parts = [
      '[',
      ']',
      '【',
      '】',
      '1',
      '7',
      '12',
      ', ',
      '、',
      '-',
      ' ',
      '`',
      '```',
      '\n',
      'a',
      '度',
      '(',
      '😀',
      '[7]',
      ' [1]',
    ];
    for (let round = 0; round < 3_000; round++) {
      const text = Array.from({ length: 25 }, () => random.pick(parts)).join('');
      const whole = new CitationFilter(SOURCES);
      const expected = whole.push(text) + whole.end();
      const pieces = new CitationFilter(SOURCES);
      let shown = '';
      for (let at = 0; at < text.length;) {
        const size = random.int(1, 4);
        shown += pieces.push(text.slice(at, at + size));
        at += size;
      }
      assert.equal(shown + pieces.end(), expected, JSON.stringify(text));
    }
  });

  it('are whole and checked when another worker goes on at any place', () => {
    const answer =
      'The lamp burns oil [7][1][7]. 冲泡时水温[12]以八十度【1、9】为宜。 See `rows[7]` [2].\n\n```\n[9]\n```\nEnd [8] a[7].';
    const { shown: whole } = filter(answer);
    for (let cut = 0; cut <= answer.length; cut++) {
      const first = new CitationFilter(SOURCES);
      const partial = first.push(answer.slice(0, cut));
      assert.ok(whole.startsWith(partial), `what was shown stays: ${partial}`);
      // A model that goes on exactly sees what was shown: it writes the rest of it, with the same inventions.
      const rest = restOf(answer, partial);
      const trimmer = new SeamTrimmer(partial);
      const second = new CitationFilter(SOURCES, partial);
      let shown = partial;
      for (const piece of rest) shown += second.push(trimmer.push(piece));
      shown += second.push(trimmer.end()) + second.end();
      assert.equal(shown, whole, `cut at ${cut}: ${partial}|${rest}`);
    }
  });

  it('that were shown in part before are left, whatever they become', () => {
    const second = new CitationFilter(SOURCES, 'Oil [1');
    assert.equal(second.push('2] burns [7].') + second.end(), '2] burns.');
    assert.equal(second.dropped, 1);
  });
});

/** What is left of an answer for a model that is shown `partial`: what was held back has to be written again. */
function restOf(answer: string, partial: string): string {
  for (let length = 0; length <= answer.length; length++) {
    if (new CitationFilter(SOURCES).push(answer.slice(0, length)) === partial) return answer.slice(length);
  }
  throw new Error('not a part of the answer');
}
