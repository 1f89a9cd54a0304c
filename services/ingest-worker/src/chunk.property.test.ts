import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countTokens } from 'gpt-tokenizer/encoding/cl100k_base';
import { chunkDocument, type TextChunk } from './chunk.ts';

/** Run with CHUNK_SEED=<number> to repeat a failure; the name of each test shows its seed. */
const firstSeed = Number(process.env['CHUNK_SEED'] ?? 20_260_101);
const CANNOT_START = /^[，。！？；：、）】」』”’》…]/;

type Random = () => number;

/** Mulberry32, public domain. */
function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const pick = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
const count = (random: Random, most: number): number => 1 + Math.floor(random() * most);
const many = (random: Random, most: number, make: () => string, separator = ''): string =>
  Array.from({ length: count(random, most) }, make).join(separator);

function makeSentence(random: Random): string {
  if (random() < 0.5) {
    const words = many(
      random,
      25,
      () => pick(random, ['alpha', 'a', 'U.S.', 'naïve', '👩‍👩‍👧', 'x'.repeat(70), '𠮷', '3.5']),
      ' ',
    );
    return words + pick(random, ['. ', '? ', '!" ', ', ', '\n', ' — ']);
  }
  return (
    many(random, 60, () =>
      pick(random, ['汉', '字', '𠮷', '，', '“引', '（注）', 'GPU', 'か', 'e\u0301', '、']),
    ) + pick(random, ['。', '！”', '？', '；', '……', '\n'])
  );
}

interface Generated {
  text: string;
  /** Fences and tables, which must be found whole where they fit. */
  blocks: { start: number; end: number }[];
}

function makeMarkdown(random: Random): Generated {
  const generated: Generated = { text: '', blocks: [] };
  const add = (part: string): void => void (generated.text += part);
  for (let i = count(random, 25); i > 0; i--) {
    const kind = random();
    if (kind < 0.2) add(`${'#'.repeat(count(random, 6))} Heading ${i}\n${pick(random, ['', '\n', '\n\n'])}`);
    else if (kind < 0.35)
      addBlock(
        `\`\`\`ts\n${many(random, 60, () => pick(random, ['# no heading', 'const x = 1;', '', '|']), '\n')}\n\`\`\``,
      );
    else if (kind < 0.45)
      addBlock(`| a | b |\n|---|:-:|\n${many(random, 40, () => '| 汉字。 | text |', '\n')}`);
    else add(`${many(random, 8, () => makeSentence(random))}${pick(random, ['\n\n', '\n\n\n \n'])}`);
  }
  return generated;

  function addBlock(block: string): void {
    add('\n\n');
    generated.blocks.push({ start: generated.text.length, end: generated.text.length + block.length });
    add(`${block}\n\n`);
  }
}

function makeRecords(random: Random): Generated {
  const generated: Generated = { text: '', blocks: [] };
  for (let i = count(random, 60); i > 0; i--) {
    if (random() < 0.1) generated.text += `${'#'.repeat(count(random, 3))} Sheet ${i}\n\n`;
    const cells = () =>
      many(random, 6, () => `列${count(random, 9)}: ${many(random, 3, () => makeCell(random))}`, '\n');
    const block = cells();
    generated.blocks.push({ start: generated.text.length, end: generated.text.length + block.length });
    generated.text += `${block}\n\n`;
  }
  return generated;
}

function makeCell(random: Random): string {
  return makeSentence(random).replace(/\s+/g, ' ').trim() || 'x';
}

/** Alone a passage may take a few tokens more than within the text, whose windows tear long words. */
const TOKEN_SLACK = 3;

function lengthOf(text: string, unit: 'characters' | 'tokens'): number {
  return unit === 'characters' ? text.length : countTokens(text) - TOKEN_SLACK;
}

function assertInvariants(
  text: string,
  chunks: TextChunk[],
  size: number,
  overlap: number,
  unit: 'characters' | 'tokens' = 'characters',
): void {
  const covered = new Uint8Array(text.length);
  for (const [i, chunk] of chunks.entries()) {
    const where = `chunk ${i} ${JSON.stringify(chunk.text.slice(0, 40))}`;
    assert.equal(chunk.index, i);
    assert.equal(chunk.text, text.slice(chunk.start, chunk.end), where);
    assert.equal(chunk.text, chunk.text.trim(), where);
    const between = i === 0 ? '' : text.slice(chunks[i - 1]!.end, chunk.start);
    assert.equal(chunk.gap ?? '', between.length <= 16 ? between : '', where);
    assert.equal(between.trim(), '', where);
    assert.ok(chunk.text.length > 0, where);
    assert.ok(chunk.text.isWellFormed(), `${where} tears a surrogate pair`);
    covered.fill(1, chunk.start, chunk.end);
    const previous = chunks[i - 1];
    if (!previous) continue;
    assert.ok(previous.start < chunk.start && previous.end < chunk.end, `${where} brings nothing new`);
    const repeated = text.slice(chunk.start, Math.max(chunk.start, previous.end));
    assert.ok(
      lengthOf(repeated, unit) <= overlap,
      `${where} repeats ${lengthOf(repeated, unit)}: ${JSON.stringify(repeated)}`,
    );
  }
  const missed = text.split('').findIndex((char, at) => char.trim() !== '' && covered[at] === 0);
  assert.equal(missed, -1, `character ${missed} is in no chunk; size ${size}`);
}

for (let seed = firstSeed; seed < firstSeed + 60; seed++) {
  test(`keeps its promises on generated Markdown (seed ${seed})`, () => {
    const random = createRandom(seed);
    const { text, blocks } = makeMarkdown(random);
    const size = pick(random, [120, 300, 500, 1000]);
    const overlap = pick(random, [0, 20, 50, 119]);
    const chunks = chunkDocument({ text, syntax: 'markdown', pages: [] }, { size, overlap });
    assertInvariants(text, chunks, size, overlap);
    const kept = blocks.filter(({ start, end }) => end - start <= size);
    for (const chunk of chunks) {
      const holdsBlock = kept.some(({ start, end }) => chunk.start <= start && end <= chunk.end);
      assert.ok(chunk.text.length <= (holdsBlock ? 1.25 * size : size), `chunk ${chunk.index} is too long`);
      for (const { start, end } of kept) {
        const isWhole = chunk.start <= start && end <= chunk.end;
        assert.ok(
          isWhole || chunk.end <= start || chunk.start >= end,
          `chunk ${chunk.index} tears ${start}-${end}`,
        );
      }
    }
  });

  test(`keeps its promises on generated records (seed ${seed})`, () => {
    const random = createRandom(seed);
    const { text, blocks } = makeRecords(random);
    const size = pick(random, [120, 300, 500]);
    const overlap = pick(random, [0, 20, 50]);
    const unit = pick(random, ['characters', 'tokens'] as const);
    const chunks = chunkDocument({ text, syntax: 'records', pages: [] }, { size, overlap, unit });
    assertInvariants(text, chunks, size, overlap, unit);
    const longestKept = unit === 'characters' ? size : 0.95 * size - TOKEN_SLACK;
    const kept = blocks.filter(({ start, end }) => lengthOf(text.slice(start, end), unit) <= longestKept);
    for (const chunk of chunks) {
      assert.ok(lengthOf(chunk.text, unit) <= 1.25 * size, `chunk ${chunk.index} is too long`);
      for (const { start, end } of kept) {
        const isWhole = chunk.start <= start && end <= chunk.end;
        assert.ok(
          isWhole || chunk.end <= start || chunk.start >= end,
          `chunk ${chunk.index} tears ${start}-${end}`,
        );
      }
    }
  });

  test(`keeps its promises in tokens (seed ${seed})`, () => {
    const random = createRandom(seed);
    const isPlain = random() < 0.5;
    const { text } = isPlain
      ? { text: many(random, 80, () => makeSentence(random), pick(random, ['', '\n', '\n\n'])) }
      : makeMarkdown(random);
    const size = pick(random, [16, 50, 128, 400]);
    const overlap = pick(random, [0, 5, 15]);
    const syntax = isPlain ? 'plain' : 'markdown';
    const chunks = chunkDocument({ text, syntax, pages: [] }, { size, overlap, unit: 'tokens' });
    assertInvariants(text, chunks, size, overlap, 'tokens');
    const longest = isPlain ? size : 1.25 * size;
    for (const chunk of chunks) {
      const length = lengthOf(chunk.text, 'tokens');
      assert.ok(length <= longest, `chunk ${chunk.index} takes ${length} tokens`);
    }
  });

  test(`keeps its promises on generated plain text (seed ${seed})`, () => {
    const random = createRandom(seed);
    const text = many(random, 80, () => makeSentence(random), pick(random, ['', '\n', '\n\n']));
    const size = pick(random, [2, 3, 60, 120, 500]);
    const overlap = pick(random, [0, 1, Math.floor(size / 10), size - 1]);
    const chunks = chunkDocument({ text, syntax: 'plain', pages: [] }, { size, overlap });
    assertInvariants(text, chunks, size, overlap);
    for (const chunk of chunks) assert.ok(chunk.text.length <= size, `chunk ${chunk.index} is too long`);
    if (size < 60) return;
    for (const chunk of chunks.slice(1)) assert.doesNotMatch(chunk.text, CANNOT_START);
  });
}

test('tears no grapheme cluster in runs without words', () => {
  const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  for (const cluster of ['e\u0301', '👩‍👩‍👧', 'x🇩🇪', 'a\u0300\u0301\u0302', '汉\ufe00', '👍🏽', 'か\u3099']) {
    const text = cluster.repeat(200);
    const boundaries = new Set([...segmenter.segment(text)].map(({ index }) => index));
    for (const chunk of chunkDocument({ text, syntax: 'plain', pages: [] }, { size: 101, overlap: 10 })) {
      assert.ok(boundaries.has(chunk.start), `${cluster} is torn at ${chunk.start}`);
    }
  }
});
