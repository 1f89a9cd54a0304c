import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertTextLength, isBlank, MAX_TEXT_LENGTH, normalizeText } from './normalize.ts';

describe('normalizeText', () => {
  const cases: Record<string, [input: string, output: string]> = {
    'line ends': ['a\r\nb\rc\u0085d\u2028e\vf', 'a\nb\nc\nd\ne\nf'],
    'form feeds become paragraph breaks': ['a\fb\u2029c', 'a\n\nb\n\nc'],
    'control characters go, tab and newline stay': ['a\u0000\u0007\u009f\u007fb\tc\n', 'ab\tc\n'],
    'invisible marks go': ['\ufeffco\u00adop', 'coop'],
    'unpaired surrogates': ['a\ud800b\udc00', 'a\ufffdb\ufffd'],
    'pairs stay': ['😀', '😀'],
    NFC: ['e\u0301', 'é'],
    'joiners of scripts and emoji stay': ['می\u200cخواهم', 'می\u200cخواهم'],
  };
  for (const [name, [input, output]] of Object.entries(cases)) {
    test(name, () => assert.equal(normalizeText(input), output));
  }
});

test('isBlank sees through zero-width characters', () => {
  assert.ok(isBlank(' \n\t\u200b\u3000\u2060'));
  assert.ok(!isBlank('\n。'));
});

test('a text beyond the limit is refused', () => {
  assert.doesNotThrow(() => assertTextLength(MAX_TEXT_LENGTH));
  assert.throws(() => assertTextLength(MAX_TEXT_LENGTH + 1), { code: 'too_large_uncompressed' });
});
