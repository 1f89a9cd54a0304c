import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  AVERAGE_CHUNK_LENGTH,
  MAX_QUERY_TERMS,
  tokenizeQuery,
  toSparseQuery,
  toSparseVector,
} from './bm25.ts';

describe('toSparseVector', () => {
  it('uses abs(int32(murmur3)) of the UTF-8 token as index', () => {
    // Reference: murmur3 x86 32, seed 0, of "hello" is 0x248bfa47 (smhasher), of "test" 0xba6bd213.
    assert.deepEqual(toSparseVector('hello').indices, [0x248bfa47]);
    assert.deepEqual(toSparseVector('test').indices, [0x1_0000_0000 - 0xba6bd213]);
    assert.deepEqual(toSparseVector('世界').indices, toSparseQuery('世界').indices);
  });

  it('weighs by term frequency and length', () => {
    const text = 'ab ab cd'.padEnd(AVERAGE_CHUNK_LENGTH);
    const { values } = toSparseVector(text);
    // At the average length the formula is tf * 2.2 / (tf + 1.2).
    assert.deepEqual(new Set(values), new Set([1, (2 * 2.2) / 3.2]));
    const [short] = toSparseVector('ab').values;
    const [long] = toSparseVector('ab'.padEnd(4 * AVERAGE_CHUNK_LENGTH)).values;
    assert.ok(short! > 1 && long! < 1);
    const [own] = toSparseVector('ab'.padEnd(80), 80).values;
    assert.equal(own, 1);
  });

  it('sorts indices and holds each once, summing tokens that collide', () => {
    const { indices, values } = toSparseVector(findCollision().join(' ').padEnd(AVERAGE_CHUNK_LENGTH));
    assert.equal(indices.length, 1);
    assert.deepEqual(values, [2]);
    const many = toSparseVector(Array.from({ length: 500 }, (_, i) => `t${i}`).join(' ')).indices;
    assert.deepEqual(
      many,
      [...new Set(many)].toSorted((left, right) => left - right),
    );
    assert.ok(many.every((index) => Number.isInteger(index) && index >= 0 && index < 2 ** 32));
  });

  it('is empty for a text without words', () => {
    assert.deepEqual(toSparseVector('— …'), { indices: [], values: [] });
  });
});

describe('tokenizeQuery', () => {
  it('drops repetitions and English function words', () => {
    assert.deepEqual(tokenizeQuery('What is the capital of the capital?'), ['capital']);
  });

  it('keeps function words where there is nothing else', () => {
    assert.deepEqual(tokenizeQuery('The Who'), ['the', 'who']);
  });

  it('is bounded', () => {
    const text = Array.from({ length: 100_000 }, (_, i) => `w${i}`).join(' ');
    assert.equal(tokenizeQuery(text).length, MAX_QUERY_TERMS);
    assert.deepEqual(toSparseQuery('two words').values, [1, 1]);
  });
});

/** Two tokens with one index, found by the birthday paradox: about 55,000 tries for 31 bits. */
function findCollision(): [string, string] {
  const seen = new Map<number, string>();
  for (let i = 0; ; i++) {
    const token = `x${i}`;
    const [index] = toSparseQuery(token).indices;
    const other = seen.get(index!);
    if (other !== undefined) return [other, token];
    seen.set(index!, token);
  }
}
