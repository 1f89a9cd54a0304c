import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAX_TOKEN_LENGTH, tokenize } from './tokenize.ts';

describe('tokenize', () => {
  const cases: [what: string, text: string, tokens: string[]][] = [
    ['nothing', ' \n!?…', []],
    ['words in lower case', 'Hello WORLD', ['hello', 'world']],
    ['full-width forms as ASCII', 'ＡＢＣ１２', ['abc12']],
    ['Chinese as bigrams', '大模型推理', ['大模', '模型', '型推', '推理']],
    ['a lone Chinese character', '第 3 章', ['第', '3', '章']],
    ['Chinese punctuation as a boundary', '你好，世界。', ['你好', '世界']],
    ['kanji and both kana as one run', '東京タワーへ', ['東京', '京タ', 'タワ', 'ワー', 'ーへ']],
    ['half-width kana as full-width', 'ｶﾞｽ', ['ガス']],
    ['Hangul', '한국어 책', ['한국', '국어', '책']],
    ['decomposed Hangul', '한국'.normalize('NFD'), ['한국']],
    ['Thai', 'ไทย', ['ไท', 'ทย']],
    ['characters beyond the BMP', '𠀀𠀁𠀂', ['𠀀𠀁', '𠀁𠀂']],
    ['one character beyond the BMP', '𠀀', ['𠀀']],
    ['scripts side by side', 'GPT模型4o', ['gpt', '模型', '4o']],
    ['Arabic and Devanagari with their marks', 'كِتَاب हिन्दी', ['كِتَاب', 'हिन्दी']],
    ['c++ and c#', 'C++, C# and C', ['c++', 'c#', 'and', 'c']],
    [
      'compounds whole and in parts',
      'Node.js max_tokens',
      ['node.js', 'node', 'js', 'max_tokens', 'max', 'token'],
    ],
    ['either apostrophe', "don't don’t", ["don't", 'don', "don't", 'don']],
    ['no part of one character', 'v1.2.3 U.S.', ['v1.2.3', 'v1', 'u.s']],
    ['no compound at a full stop', 'the end. Next', ['the', 'end', 'next']],
    ['hyphens as boundaries', 'well-known', ['well', 'known']],
    ['soft hyphens and zero-width characters away', 'infor\u00ADma\u200Btion', ['information']],
    ['emoji and NUL away', 'a😀b\0c', ['a', 'b', 'c']],
  ];
  for (const [what, text, tokens] of cases) {
    it(`gives ${what}`, () => assert.deepEqual(tokenize(text), tokens));
  }

  const families = [
    ['policy', 'policies'],
    ['class', 'classes'],
    ['carry', 'carries', 'carried', 'carrying'],
    ['control', 'controls', 'controlled', 'controlling'],
    ['deploy', 'deploys', 'deployed', 'deploying'],
    ['create', 'creates', 'created', 'creating'],
  ];
  for (const family of families) {
    it(`brings together ${family.join(', ')}`, () => {
      const [first, ...others] = family.map(tokenize);
      for (const other of others) assert.deepEqual(other, first);
    });
  }

  it('leaves short words and other scripts as they are', () => {
    for (const word of ['sing', 'red', 'bus', 'note', 'gas', 'сеть', 'über'])
      assert.deepEqual(tokenize(word), [word]);
  });

  it('cuts long words to one length, so that a query of the whole word finds them', () => {
    const [token] = tokenize('a'.repeat(1000));
    assert.equal(token, 'a'.repeat(MAX_TOKEN_LENGTH));
  });

  const hostile: [what: string, text: string][] = [
    ['combining marks, which ICU sorts in quadratic time', `a${'\u0301\u0316'.repeat(200_000)}`],
    ['a compound without end', 'a.'.repeat(200_000)],
    ['apostrophes', "'".repeat(400_000)],
    ['one word', 'x'.repeat(400_000)],
    ['a character that NFKC makes 18 of', '\uFDFA'.repeat(50_000)],
    ['alternating scripts', '中a'.repeat(200_000)],
    ['lone surrogates', '\uD800'.repeat(400_000)],
  ];
  for (const [what, text] of hostile) {
    it(`takes linear time on ${what}`, () => {
      const start = performance.now();
      tokenize(text);
      // 4 to 100 ms here; quadratic behaviour took 53 s.
      assert.ok(performance.now() - start < 2_000);
    });
  }
});
