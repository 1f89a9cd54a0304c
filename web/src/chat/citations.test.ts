import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { citedNumbers, splitCitations } from './citations.ts';

const upTo = (most: number) => (n: number) => n >= 1 && n <= most;

describe('splitCitations', () => {
  for (const [text, parts] of [
    ['So it is [1].', ['So it is', [1], '.']],
    ['如此。[1][2]', ['如此。', [1], [2]]],
    ['如此【1】，［２］。', ['如此', [1], '，', [2], '。']],
    ['All [1, 3] and [1-3] and [2、3].', ['All', [1, 3], ' and', [1, 2, 3], ' and', [2, 3], '.']],
    ['[3]', [[3]]],
    ['In 1931[1] and "so"[2].', ['In 1931', [1], ' and "so"', [2], '.']],
    ['Only some [2, 9].', ['Only some', [2], '.']],
  ] as const) {
    it(`finds those in ${JSON.stringify(text)}`, () =>
      assert.deepEqual(splitCitations(text, upTo(3)), parts));
  }

  for (const text of [
    '[7]',
    '[2026]',
    '[0]',
    '[a]',
    '[]',
    'args.items[1]',
    'x1[1]',
    'a[1]',
    'max_tokens[2]',
    '[1',
    '1]',
  ])
    it(`takes ${JSON.stringify(text)} for text`, () =>
      assert.deepEqual(splitCitations(text, upTo(3)), [text]));

  it('loses no character of the text but a space before a citation', () => {
    const text = 'a [1] b[2]c [9] 【3】d';
    const again = splitCitations(text, upTo(3)).map((part) =>
      typeof part === 'string' ? part : `[${part.join()}]`,
    );
    assert.equal(again.join(''), 'a[1] b[2]c [9][3]d');
  });

  it('takes a range without end for its two numbers', () => {
    assert.deepEqual([...citedNumbers('[1-999] [3-2]')], [1, 999, 3, 2]);
  });

  it('reads hostile text in linear time', () => {
    const begun = performance.now();
    splitCitations('['.repeat(200_000), upTo(3));
    splitCitations('[1,'.repeat(100_000), upTo(3));
    splitCitations(`[${'1 '.repeat(100_000)}]`, upTo(3));
    assert.ok(performance.now() - begun < 2_000);
  });
});
