import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countTokens } from 'gpt-tokenizer/encoding/cl100k_base';
import { chunkDocument, type TextChunk } from './chunk.ts';
import type { PageSpan } from './extract/document.ts';

function chunkMarkdown(text: string, size = 500, overlap = 50): TextChunk[] {
  return chunkDocument({ text, syntax: 'markdown', pages: [] }, { size, overlap });
}

function chunkPlain(text: string, size = 500, overlap = 50, pages: PageSpan[] = []): TextChunk[] {
  return chunkDocument({ text, syntax: 'plain', pages }, { size, overlap });
}

const texts = (chunks: TextChunk[]): string[] => chunks.map(({ text }) => text);
const words = (count: number): string => Array.from({ length: count }, (_, i) => `word${i}`).join(' ');

test('packs small paragraphs of one section together', () => {
  assert.deepEqual(texts(chunkMarkdown('One.\n\nTwo.\n\nThree.\n')), ['One.\n\nTwo.\n\nThree.']);
});

test('starts a new chunk at each heading and gives its path', () => {
  const chunks = chunkMarkdown(
    'Intro.\n# A\nText a.\n## B ##\nText b.\n### C\nText c.\n## D\nText d.\n# E\nText e.',
  );
  assert.deepEqual(
    chunks.map(({ text, headings }) => [text, headings]),
    [
      ['Intro.', []],
      ['# A\nText a.', ['A']],
      ['## B ##\nText b.', ['A', 'B']],
      ['### C\nText c.', ['A', 'B', 'C']],
      ['## D\nText d.', ['A', 'D']],
      ['# E\nText e.', ['E']],
    ],
  );
});

test('makes no chunk of a heading alone', () => {
  assert.deepEqual(texts(chunkMarkdown('# A\n\n## B\n\nText.\n\n# End\n')), [
    '# A\n\n## B\n\nText.\n\n# End',
  ]);
  const withLongTitle = chunkMarkdown(`# ${'long '.repeat(48)}\n\n${words(60)}`);
  assert.match(withLongTitle[0]?.text ?? '', /word0 word1/);
  const long = chunkMarkdown(`# Title\n\n${'x'.repeat(700)}`);
  assert.ok((long[0]?.text.length ?? 0) > 400);
  assert.deepEqual(texts(chunkMarkdown('# Only\n')), ['# Only']);
});

test('takes # for a heading only where Markdown does', () => {
  const text =
    '#tag\n\n####### seven\n\n    # code\n\n```\n# comment\n```\n\n~~~~\n# more\n~~~\n# still\n~~~~\n';
  assert.deepEqual(
    chunkMarkdown(text).map(({ headings }) => headings),
    [[]],
  );
  assert.deepEqual(
    chunkPlain('# A\ntext\n# B\ntext').map(({ text: t, headings }) => [t, headings]),
    [['# A\ntext\n# B\ntext', []]],
  );
  assert.deepEqual(chunkMarkdown(`# ${'long '.repeat(80)}`)[0]?.headings, []);
});

test('keeps a fence or table whole where it fits', () => {
  const fence = `\`\`\`js\n${'call();\n\n'.repeat(40)}\`\`\``;
  const chunks = chunkMarkdown(`${words(40)}\n\n## Code\n\n${fence}\n\n${words(40)}`, 400, 50);
  assert.ok(chunks.some(({ text }) => text.includes(fence)));
  const table = `| a | b |\n| --- | --- |\n${'| cell one. | cell two. |\n'.repeat(14)}`.trim();
  const tabled = chunkMarkdown(`${words(60)}\n\n${table}\n\n${words(60)}`, 400, 50);
  const touching = tabled.filter(({ text }) => text.includes('|'));
  assert.equal(touching.length, 1);
  assert.ok(touching[0]?.text.includes(table));
});

test('a heading stays with the fence under it, up to a quarter above the size', () => {
  const fence = `\`\`\`\n${'x'.repeat(480)}\n\`\`\``;
  assert.deepEqual(texts(chunkMarkdown(`## Title\n\n${fence}\n\nAfter.`)), [
    `## Title\n\n${fence}`,
    'After.',
  ]);
});

test('repeats nothing before a fence that then would not fit', () => {
  const fence = `\`\`\`\n${'x'.repeat(490)}\n\`\`\``;
  assert.deepEqual(texts(chunkMarkdown(`${words(40)}\n${fence}\n\n${words(20)}`)), [
    words(40),
    fence,
    words(20),
  ]);
});

test('splits a fence or table that does not fit at line ends', () => {
  const lines = Array.from({ length: 100 }, (_, i) => `value. number ${i};`);
  const chunks = chunkMarkdown(`\`\`\`\n${lines.join('\n')}\n\`\`\``);
  assert.ok(chunks.length > 3);
  const known = new Set([...lines, '```']);
  for (const { text } of chunks) for (const line of text.split('\n')) assert.ok(known.has(line), line);
});

test('ends chunks at sentences, in Chinese too', () => {
  const english = chunkPlain('Dr. Smith bought 3.5 kg of it at the U.S. store. '.repeat(30), 200, 0);
  for (const { text } of english) assert.match(text, /store\.$/);
  const chinese = chunkPlain('他说：“今天（周一）天气很好，我们出去走走吧！”大家都同意。'.repeat(30), 100, 0);
  for (const { text } of chinese) assert.match(text, /(?:！”|。)$/);
  const quoted = chunkPlain('“今天（周一）天气很好，我们出去走走吧！”'.repeat(30), 100, 0);
  for (const { text } of quoted) assert.match(text, /^“.*！”$/);
});

test('breaks between paragraphs before it breaks sentences', () => {
  const chunks = chunkPlain(`${'Short one. '.repeat(25).trim()}\n\n${'Second part. '.repeat(25)}`, 400, 0);
  assert.ok(chunks[0]?.text.endsWith('Short one.'));
  assert.ok(chunks[1]?.text.startsWith('Second part.'));
});

test('repeats words where a sentence is torn and whole sentences where none is', () => {
  const torn = chunkPlain(words(200), 300, 50);
  for (const [i, chunk] of torn.slice(1).entries()) {
    const repeated = (torn[i]?.end ?? 0) - chunk.start;
    assert.ok(repeated > 30 && repeated <= 50, `repeats ${repeated}`);
    assert.match(chunk.text, /^word/);
  }
  const whole = chunkPlain('This is a sentence. '.repeat(60), 300, 50);
  for (const [i, chunk] of whole.slice(1).entries()) {
    assert.match(chunk.text, /^This/);
    assert.equal((whole[i]?.end ?? 0) - chunk.start, 39);
  }
});

test('repeats nothing where no whole sentence fits into the overlap, and no heading', () => {
  const sentence = 'This sentence is too long to be repeated within an overlap of fifty characters. ';
  const chunks = chunkPlain(sentence.repeat(20), 300, 50);
  for (const [i, chunk] of chunks.slice(1).entries()) assert.equal(chunk.start, (chunks[i]?.end ?? 0) + 1);
  const chinese = chunkPlain(`${'这句话很长'.repeat(12)}。`.repeat(20), 300, 50);
  for (const [i, chunk] of chinese.slice(1).entries()) assert.equal(chunk.start, chinese[i]?.end);
  const under = chunkMarkdown(`# ${'long '.repeat(40)}End. Tail\n\nShort one.\n\n${words(90)}`);
  assert.match(under[1]?.text ?? '', /^Short one\./);
});

test('repeats less rather than making one more chunk', () => {
  assert.equal(chunkPlain('abcd '.repeat(119), 300, 50).length, 2);
});

test('gives the first and last page that a chunk touches', () => {
  const text = `${'a'.repeat(90)}\n\n${'b'.repeat(20)}\n\n${'c'.repeat(90)}`;
  const pages = [
    { page: 1, start: 0, end: 90 },
    { page: 2, start: 91, end: 91 },
    { page: 3, start: 92, end: 112 },
    { page: 4, start: 114, end: 204 },
  ];
  assert.deepEqual(
    chunkPlain(text, 120, 0, pages).map(({ page, pageEnd }) => [page, pageEnd]),
    [
      [1, 3],
      [4, 4],
    ],
  );
  assert.ok(!('page' in (chunkPlain('No pages.')[0] ?? {})));
});

test('has nothing to say about a blank text', () => {
  assert.deepEqual(chunkPlain(' \n\u3000\n'), []);
  assert.deepEqual(chunkMarkdown('\n\n'), []);
});

test('sizes chunks in tokens where it is asked to', () => {
  const count = (chunks: TextChunk[]): number[] => chunks.map(({ text }) => countTokens(text));
  for (const text of [
    words(900),
    '数据库的索引是一种数据结构。'.repeat(90),
    '😀'.repeat(900),
    'x'.repeat(5000),
  ]) {
    const document = { text, syntax: 'plain' as const, pages: [] };
    const counts = count(chunkDocument(document, { size: 100, overlap: 0, unit: 'tokens' }));
    assert.ok(counts.length > 2 && Math.max(...counts) <= 102, text.slice(0, 9));
    assert.ok(
      counts.slice(0, -1).every((each) => each >= 40),
      text.slice(0, 9),
    );
  }
  const special = {
    text: `${'word '.repeat(20)}<|endoftext|>${' word'.repeat(20)}`,
    syntax: 'plain' as const,
    pages: [],
  };
  assert.ok(chunkDocument(special, { size: 16, overlap: 0, unit: 'tokens' }).length > 2);
  assert.throws(() => chunkDocument(special, { size: 15, overlap: 0, unit: 'tokens' }), RangeError);
});

test('keeps a record whole where it fits, and splits a longer one at its cells', () => {
  const record = (i: number, size: number): string => `name: ${i}\ntext: ${'x '.repeat(size / 2).trim()}`;
  const records = [record(1, 200), record(2, 200), record(3, 150), record(4, 30), record(5, 150)];
  const text = `# Sheet\n\n${records.join('\n\n')}\n\n${Array.from({ length: 30 }, (_, i) => `column ${i}: value ${i}`).join('\n')}`;
  const chunks = chunkDocument({ text, syntax: 'records', pages: [] }, { size: 250, overlap: 50 });
  assert.deepEqual(
    chunks.slice(0, 4).map((chunk) => chunk.text),
    [`# Sheet\n\n${records[0]}`, records[1], records.slice(2, 4).join('\n\n'), records[4]],
  );
  for (const chunk of chunks.slice(4)) assert.match(chunk.text, /^column \d+: .*value \d+$/s);
  assert.ok(chunks.every(({ headings }) => headings[0] === 'Sheet'));
});

test('refuses options that make no sense', () => {
  for (const [size, overlap] of [
    [1, 0],
    [1.5, 0],
    [500, 500],
    [500, -1],
    [500, Number.NaN],
  ] as const) {
    assert.throws(() => chunkPlain('text', size, overlap), RangeError);
  }
});

/** Each takes well under 0.5 s; a quadratic step anywhere would take minutes. */
const HOSTILE: Record<string, string> = {
  'one line without spaces': 'a'.repeat(10e6),
  newlines: `a${'\n'.repeat(5e6)}b`,
  hashes: '#'.repeat(1e6),
  'empty headings': '#\n'.repeat(1e6),
  headings: '# a\nb\n'.repeat(3e5),
  backticks: '`'.repeat(1e6),
  'open fence of one line': `\`\`\`\n${'x'.repeat(5e6)}`,
  fences: '```\n'.repeat(1e6),
  pipes: '|'.repeat(3e6),
  'table delimiters': '|-|\n'.repeat(1e6),
  'one row': `|a|b|\n|-|-|\n|${'x '.repeat(2e6)}|`,
  'nested quotes': '> '.repeat(2e6),
  'nested lists': Array.from({ length: 2000 }, (_, i) => `${' '.repeat(i)}- x`).join('\n'),
  'combining marks': `a${'\u0301'.repeat(3e6)}`,
  joiners: '\u200d'.repeat(3e6),
  'Chinese full stops': '。'.repeat(3e6),
  dots: '. '.repeat(2e6),
  quotes: '"'.repeat(3e6),
  'wide gaps': `${' '.repeat(5000)}a`.repeat(600),
};
for (const [name, text] of Object.entries(HOSTILE)) {
  test(`takes linear time on hostile input: ${name}`, () => {
    for (const syntax of ['markdown', 'records', 'plain'] as const) {
      const started = performance.now();
      const chunks = chunkDocument({ text, syntax, pages: [] }, { size: 500, overlap: 50 });
      const elapsed = performance.now() - started;
      assert.ok(chunks.length > 0);
      assert.ok(elapsed < 8000, `took ${Math.round(elapsed)} ms as ${syntax}`);
    }
  });
}
