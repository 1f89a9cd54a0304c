import assert from 'node:assert/strict';
import { it } from 'node:test';
import { estimateTokens } from './estimate-tokens.ts';

it('counts a CJK character as one token, four others as one', () => {
  assert.equal(estimateTokens(''), 0);
  assert.equal(estimateTokens('你好世界'), 4);
  assert.equal(estimateTokens('abcdefgh'), 2);
  assert.equal(estimateTokens('你好abcd'), 3);
});
