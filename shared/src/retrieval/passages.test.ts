import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Random } from '../../../tests/faults/harness/random.ts';
import type { Chunk } from '../vector-store/port.ts';
import type { Candidate } from './candidates.ts';
import { joinPassages, listNeighbours } from './passages.ts';
import { fitCandidates } from './token-budget.ts';

const TEXT = 'One two three. Four five six.\n\nSeven eight.';
const CHUNKS = [makeChunk(TEXT, 0, 0, 14), makeChunk(TEXT, 1, 10, 29), makeChunk(TEXT, 2, 31, 43, '\n\n')];

describe('passages', () => {
  it('joins what overlaps and what lies apart, as the document has it', () => {
    const [first, second, third] = CHUNKS as [Chunk, Chunk, Chunk];
    const [passage, ...others] = joinPassages([found(second)], [third, first]);
    assert.deepEqual(others, []);
    assert.equal(passage?.text, TEXT);
    assert.deepEqual([passage.start, passage.end], [0, TEXT.length]);
  });

  it('joins hits that follow one another, under the better one', () => {
    const [first, second] = CHUNKS as [Chunk, Chunk];
    const [passage] = joinPassages([found(second), found(first)], []);
    assert.equal(passage?.text, TEXT.slice(0, 29));
    assert.equal(passage.best.hit.index, 1);
  });

  it('keeps apart what is not known to go on: holes, sections, versions, documents', () => {
    const [first, second, third] = CHUNKS as [Chunk, Chunk, Chunk];
    const { gap: _gap, ...far } = third;
    const cases: [Chunk, Chunk][] = [
      [first, third],
      [second, far],
      [first, { ...second, headings: ['Other'] }],
      [first, { ...second, version: 2 }],
      [first, { ...second, documentId: 'other' }],
    ];
    for (const [left, right] of cases) {
      assert.deepEqual(
        joinPassages([found(left), found(right)], []).map(({ text }) => text),
        [left.text, right.text],
      );
      assert.equal(
        joinPassages([found(left)], [right]).length,
        1,
        'and leaves a neighbour that does not join',
      );
    }
  });

  it('has the pages of all of it', () => {
    const [first, second, third] = CHUNKS as [Chunk, Chunk, Chunk];
    const [passage] = joinPassages(
      [found({ ...second, page: 2, pageEnd: 2 })],
      [
        { ...first, page: 1, pageEnd: 2 },
        { ...third, page: 3, pageEnd: 3 },
      ],
    );
    assert.deepEqual([passage?.page, passage?.pageEnd], [1, 3]);
  });

  it('asks for the neighbours that are not found already, once each', () => {
    const [first, second] = CHUNKS as [Chunk, Chunk];
    assert.deepEqual(
      listNeighbours([found(first), found(second), found({ ...second, version: 2 })]).map(
        ({ version, index }) => [version, index],
      ),
      [
        [1, 2],
        [2, 0],
        [2, 2],
      ],
    );
  });

  it('keeps every offset exact, whatever was found, near it and cut off', () => {
    const { next: random } = new Random(20_260_101);
    for (let round = 0; round < 2_000; round++) {
      const { text, chunks } = makeDocument(random);
      const order = chunks.toSorted(() => random() - 0.5);
      const hits = order.slice(0, 1 + Math.floor(random() * 4)).map(found);
      const neighbours = order.slice(hits.length).filter(() => random() < 0.6);
      const { kept } = fitCandidates(hits, 1 + Math.floor(random() * 30));
      const passages = joinPassages(kept, neighbours);
      for (const passage of passages) assert.equal(passage.text, text.slice(passage.start, passage.end));
      assert.equal(passages[0]?.best, kept[0]);
      for (const { hit } of kept)
        assert.equal(
          passages.filter(({ start, end }) => start <= hit.start && hit.end <= end).length >= 1,
          true,
        );
    }
  });
});

function makeChunk(text: string, index: number, start: number, end: number, gap?: string): Chunk {
  return {
    documentId: 'd',
    version: 1,
    index,
    filename: 'f.md',
    collection: 'default',
    labels: [],
    text: text.slice(start, end),
    start,
    end,
    ...(gap !== undefined && { gap }),
    headings: [],
  };
}

function found(chunk: Chunk): Candidate {
  return { hit: { ...chunk, score: 1 }, scores: { fused: 1 } };
}

/** A text in chunks as the chunker makes them: some overlap, some touch, some leave white space between them. */
function makeDocument(random: () => number): { text: string; chunks: Chunk[] } {
  const word = () => ['alpha', '汉字', '😀', 'b', '。'][Math.floor(random() * 5)] as string;
  const pieces = Array.from({ length: 60 }, () => `${word()}${random() < 0.3 ? '\n\n' : ''}`);
  const text = pieces.join('').trim();
  const chunks: Chunk[] = [];
  let done = 0;
  while (done < text.length) {
    const end = Math.min(text.length, done + 5 + Math.floor(random() * 20));
    const start = Math.max(done === 0 ? 0 : 1, done - Math.floor(random() * 5));
    const raw = text.slice(start, end);
    const from = start + (raw.length - raw.trimStart().length);
    const to = end - (raw.length - raw.trimEnd().length);
    if (to > from && to > (chunks.at(-1)?.end ?? 0)) {
      const gap = text.slice(chunks.at(-1)?.end ?? from, from);
      chunks.push(makeChunk(text, chunks.length, from, to, gap === '' ? undefined : gap));
    }
    done = end;
  }
  return { text, chunks };
}
