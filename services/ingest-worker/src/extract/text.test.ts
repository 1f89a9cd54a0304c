import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { extractText } from './text.ts';

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
}

function utf32(text: string, littleEndian: boolean): Uint8Array {
  const points = Array.from('\ufeff' + text, (character) => character.codePointAt(0) ?? 0);
  const view = new DataView(new ArrayBuffer(points.length * 4));
  points.forEach((point, index) => view.setUint32(index * 4, point, littleEndian));
  return new Uint8Array(view.buffer);
}

const german = '\nGrößere Änderungen müssen für alle schön übersichtlich sein.';

describe('extractText decodes', () => {
  const cases: Record<string, [bytes: Uint8Array, text: string, encoding: string]> = {
    'UTF-8': [Buffer.from('héllo 世界'), 'héllo 世界', 'utf-8'],
    'UTF-8 with mark': [Buffer.from('\ufeffhéllo'), 'héllo', 'utf-8'],
    'UTF-16LE': [Buffer.from('\ufeffhé世', 'utf16le'), 'hé世', 'utf-16'],
    'UTF-16BE': [Buffer.from('\ufeffhé世', 'utf16le').swap16(), 'hé世', 'utf-16'],
    'UTF-32LE': [utf32('h😀', true), 'h😀', 'utf-32'],
    'UTF-32BE': [utf32('h😀', false), 'h😀', 'utf-32'],
    'short GBK': [fromHex('bbf9 b1be c9cf a3ac bcc6 cbe3 bbfa'), '基本上，计算机', 'gb18030'],
    Big5: [fromHex('ac46 a9b2 b8ea b054 acec a7de c160 baca'), '政府資訊科技總監', 'big5'],
    Shift_JIS: [fromHex('82b1 82ea 82cd 93fa 967b 8cea 82c5 82b7 8142'), 'これは日本語です。', 'shift_jis'],
    'ISO-2022-JP, which is valid UTF-8': [Buffer.from('\u001b$B$3$l$O\u001b(B'), 'これは', 'iso-2022-jp'],
    'Latin-1': [Buffer.from(german, 'latin1'), german, 'iso-8859-1'],
    'one Latin-1 character': [Buffer.from('caf\u00e9', 'latin1'), 'café', 'iso-8859-1'],
    'Windows-1252 quotes': [fromHex('93 41 e4 94 2e'), '“Aä”.', 'windows-1252'],
    'Windows-1251': [
      fromHex('c2 f1 e5 20 f1 f7 e0 f1 f2 eb e8 e2 fb e5 20 f1 e5 ec fc e8 20 ef ee f5 ee e6 e8'),
      'Все счастливые семьи похожи',
      'windows-1251',
    ],
  };
  for (const [name, [bytes, text, encoding]] of Object.entries(cases)) {
    test(name, () => {
      const document = extractText(new Uint8Array(bytes), 'plain');
      assert.deepEqual([document.text, document.encoding], [text, encoding]);
    });
  }

  test('GBK after more than a sample of ASCII', () => {
    const bytes = Buffer.concat([
      Buffer.alloc(200_000, 'a '),
      Buffer.from('bbf9b1bec9cfa3acbcc6cbe3bbfa', 'hex'),
    ]);
    const document = extractText(new Uint8Array(bytes), 'plain');
    assert.equal(document.encoding, 'gb18030');
    assert.ok(document.text.endsWith('基本上，计算机'));
  });

  test('UTF-8 with one broken byte', () => {
    const bytes = Buffer.concat([
      Buffer.from('数据库的索引是一种数据结构。'.repeat(20)),
      Buffer.from([0xff]),
    ]);
    assert.match(extractText(new Uint8Array(bytes), 'plain').text, /^数据库的索引是一种数据结构。.*\ufffd$/s);
  });
});

test('extractText refuses what holds no text', () => {
  assert.throws(() => extractText(new Uint8Array(), 'plain'), { code: 'empty' });
  assert.throws(() => extractText(Buffer.from(' \n\t \u3000'), 'markdown'), { code: 'no_text' });
});

test('extractText keeps Markdown as it is', () => {
  const markdown = '# Title\n\n```\n  code\n\n\n  more\n```\n| a | b |\n';
  assert.deepEqual(extractText(Buffer.from(markdown), 'markdown'), {
    text: markdown,
    syntax: 'markdown',
    pages: [],
    encoding: 'utf-8',
  });
});
