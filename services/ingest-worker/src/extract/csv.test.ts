import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chunkDocument } from '../chunk.ts';
import { extractCsv } from './csv.ts';

function extract(csv: string | Uint8Array): string {
  return extractCsv(Buffer.from(csv as string)).text;
}

describe('extractCsv', () => {
  const cases: Record<string, [csv: string, text: string]> = {
    'records with the names of their columns': [
      'name,city\nAnn,"Oslo, Norway"\nBo,\n,Bergen\n',
      'name: Ann\ncity: Oslo, Norway\n\nname: Bo\n\ncity: Bergen',
    ],
    'cells of several lines': ['a,b\n"x\n\n y","say ""hi"""', 'a: x y\nb: say "hi"'],
    'other delimiters': ['a;b\n1,5;2', 'a: 1,5\nb: 2'],
    tabs: ['a\tb\n1\t2', 'a: 1\nb: 2'],
    'titles above the names': ['Sales\n\nyear,2025,2026\nx,1,2', 'Sales\n\nyear: x\n2025: 1\n2026: 2'],
    'rows without names': ['1,2\n3,4', '1 | 2\n\n3 | 4'],
    'one row': ['a,b', 'a | b'],
    'one column': ['name\n# Ann\nBo', 'name\n\n\\# Ann\n\nBo'],
    'more cells than names': ['a,b\n1,2,3', 'a: 1\nb: 2\n3'],
    'a quote that never ends': ['a,b\n"x,y\nz', 'a: x,y z'],
  };
  for (const [name, [csv, text]] of Object.entries(cases)) {
    test(`gives ${name}`, () => assert.equal(extract(csv), text));
  }

  test('decodes GB18030', () => {
    const csv = Buffer.from('d0d5c3fb2cb3c7cad00acdf5ceb02cb1b1beA90a'.toLowerCase(), 'hex');
    assert.deepEqual(extractCsv(csv), {
      text: '姓名: 王伟\n城市: 北京',
      syntax: 'records',
      pages: [],
      encoding: 'gb18030',
    });
  });

  test('keeps rows whole in chunks', () => {
    const rows = Array.from(
      { length: 60 },
      (_, i) => `Person ${i},"${'She likes long walks. '.repeat(i % 13)}",${i}`,
    );
    const document = extractCsv(Buffer.from(`name,about,number\n${rows.join('\n')}`));
    const chunks = chunkDocument(document, { size: 300, overlap: 30 });
    for (let i = 0; i < 60; i++) {
      const record = document.text.split('\n\n')[i] ?? '';
      assert.ok(
        chunks.some(({ text }) => text.includes(record)),
        `row ${i} is torn`,
      );
    }
    for (const { text } of chunks) assert.match(text, /^name: /);
    assert.ok(chunks.length < 50);
  });

  test('refuses an empty table, and one that grows without end', () => {
    assert.throws(() => extract(',,\n,,'), { code: 'no_text' });
    const name = 'n'.repeat(99);
    assert.throws(() => extract(`${name},b\n${'1,2\n'.repeat(4e5)}`), { code: 'too_large_uncompressed' });
  });
});
