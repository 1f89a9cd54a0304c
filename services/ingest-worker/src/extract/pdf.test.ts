import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stream, textAt, writePdf } from '../../../../tests/helpers/pdf.ts';
import { extractPdf } from './pdf.ts';

async function extractPages(...pages: string[]): Promise<string> {
  return (await extractPdf(new Uint8Array(writePdf({ pages })))).text;
}

/** Lines 12 units apart, from `y` down. */
function column(x: number, y: number, lines: string[]): string {
  return lines.map((line, index) => textAt(x, y - 12 * index, line)).join('');
}

describe('extractPdf', () => {
  test('joins wrapped lines, keeps paragraphs, and mends split words', async () => {
    const text = await extractPages(
      column(50, 700, [
        'The quick brown fox jumps over the lazy',
        'dog while the inter-',
        'preter sleeps. A just-in-',
        'time',
      ]) + column(50, 620, ['Another paragraph begins here.']),
    );
    assert.equal(
      text,
      'The quick brown fox jumps over the lazy dog while the inter-\npreter sleeps. A just-in-\ntime\n\nAnother paragraph begins here.',
    );
    const full = await extractPages(
      column(50, 700, [
        'A paragraph whose lines are all about as wide as the inter-',
        'preter wants them, with a compiler that is called just-in-',
        'time, and with an end.',
      ]),
    );
    assert.equal(
      full,
      'A paragraph whose lines are all about as wide as the interpreter wants them, with a compiler that is called just-in-time, and with an end.',
    );
  });

  test('keeps lines apart that end before the edge, as in code', async () => {
    const lines = ['for (;;) {', 'step();', '}', 'doSomething(withAnArgument, andAnother);'];
    assert.equal(await extractPages(column(50, 700, lines)), lines.join('\n'));
  });

  test('reads the left column before the right one, and a sentence across them', async () => {
    const left = ['Left column first line is long', 'and the second line goes over'];
    const right = ['to the right column. There it', 'ends after another full line.'];
    assert.equal(
      await extractPages(column(50, 700, left) + column(320, 700, right)),
      'Left column first line is long and the second line goes over to the right column. There it ends after another full line.',
    );
  });

  test('starts a paragraph at an indent', async () => {
    const text = await extractPages(
      textAt(50, 700, 'The first paragraph ends in the middle.') +
        textAt(70, 688, 'The second one is indented and goes on') +
        textAt(50, 676, 'in a line that returns to the margin.'),
    );
    assert.match(text, /middle\.\n\nThe second one/);
    assert.match(text, /goes on in a line/);
  });

  test('shortens leader dots and keeps the entries of a table of contents apart', async () => {
    const lines = ['1 Introduction . . . . . . . . . . . . 3', '2 A second chapter . . . . . . . . . . 17'];
    assert.equal(await extractPages(column(50, 700, lines)), '1 Introduction … 3\n2 A second chapter … 17');
  });

  test('gives exact spans, and leaves empty pages out of them but not out of the count', async () => {
    const bytes = writePdf({ pages: [textAt(50, 700, 'One'), '', textAt(50, 700, 'Three')] });
    const { text, pages, pageCount } = await extractPdf(new Uint8Array(bytes));
    assert.deepEqual(
      pages.map(({ page, start, end }) => [page, text.slice(start, end)]),
      [
        [1, 'One'],
        [3, 'Three'],
      ],
    );
    assert.equal(text, 'One\n\nThree');
    assert.equal(pageCount, 3);
  });

  test('reads rotated text along its own direction', async () => {
    const line = (x: number, text: string): string => `BT /F1 10 Tf 0 1 -1 0 ${x} 50 Tm (${text}) Tj ET\n`;
    assert.equal(
      await extractPages(line(100, 'turned text that goes') + line(112, 'on in a second line')),
      'turned text that goes on in a second line',
    );
  });

  test('joins Chinese lines without a space', async () => {
    const encode = (text: string): string => Buffer.from(text, 'utf16le').swap16().toString('hex');
    const draw = (y: number, text: string): string => `BT /F2 10 Tf 50 ${y} Td <${encode(text)}> Tj ET\n`;
    const bytes = writePdf({
      pages: [draw(700, '数据库的索引是一种') + draw(688, '数据结构。')],
      objects: {
        20: '<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H /DescendantFonts [21 0 R] >>',
        21: '<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 2 >> /FontDescriptor 22 0 R >>',
        22: '<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [0 -200 1000 900] /ItalicAngle 0 /Ascent 800 /Descent -200 /CapHeight 700 /StemV 80 >>',
      },
      font: '/F2 20 0 R',
    });
    const { text } = await extractPdf(new Uint8Array(bytes));
    assert.equal(text, '数据库的索引是一种数据结构。');
  });

  test('appends the values of form fields, without those that are hidden from readers', async () => {
    const field = (name: string, value: string, flags: number): string =>
      `<< /Type /Annot /Subtype /Widget /FT /Tx /T (${name}) /V (${value}) /Ff ${flags} /Rect [0 0 90 20] /P 1000 0 R /F 4 >>`;
    const bytes = writePdf({
      pages: [textAt(50, 700, 'Name:')],
      catalog: '/AcroForm << /Fields [20 0 R 21 0 R] /DA (/F1 10 Tf) >>',
      page: '/Annots [20 0 R 21 0 R]',
      objects: { 20: field('name', 'Ada Lovelace', 0), 21: field('pin', '1234', 1 << 13) },
    });
    assert.equal((await extractPdf(new Uint8Array(bytes))).text, 'Name:\n\nAda Lovelace');
  });

  test('refuses what is no PDF, what is damaged, and what has no text', async () => {
    await assert.rejects(extractPdf(Buffer.from('%PDF-1.7\nrubbish')), { code: 'corrupt' });
    await assert.rejects(extractPdf(new Uint8Array(writePdf({ pages: ['0 0 m 9 9 l S'] }))), {
      code: 'no_text',
      message: /no text.*OCR/s,
    });
    const halved = writePdf({ pages: [textAt(50, 700, 'x')] }).subarray(0, 200);
    await assert.rejects(extractPdf(new Uint8Array(halved)), { code: 'corrupt' });
  });

  test('refuses a PDF that needs a password', async () => {
    const key = '<' + '00'.repeat(32) + '>';
    const encrypt = `<< /Filter /Standard /V 1 /R 2 /O ${key} /U ${key} /P -4 >>`;
    const text = writePdf({ pages: [textAt(50, 700, 'secret')], objects: { 20: encrypt } }).toString(
      'latin1',
    );
    const locked = text.replace('/Root 1 0 R', `/Root 1 0 R /Encrypt 20 0 R /ID [${key} ${key}]`);
    await assert.rejects(extractPdf(new Uint8Array(Buffer.from(locked, 'latin1'))), { code: 'encrypted' });
  });

  test('does not decode a giant image next to the text', async () => {
    const image = stream(
      '/Type /XObject /Subtype /Image /Width 60000 /Height 60000 /ColorSpace /DeviceGray /BitsPerComponent 8',
      'x',
    );
    const bytes = writePdf({
      pages: ['q 9 0 0 9 0 0 cm /I Do Q\n' + textAt(50, 700, 'Text')],
      resources: '/XObject << /I 20 0 R >>',
      objects: { 20: image },
    });
    assert.equal((await extractPdf(new Uint8Array(bytes))).text, 'Text');
  });
});
