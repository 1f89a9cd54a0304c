import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { sheetRow, writeEpub, writePptx, writeXlsx } from '../../tests/helpers/office.ts';
import { wordParagraph, writeDocx, writeZip } from '../../tests/helpers/zip.ts';
import type { DocumentType } from './contracts/knowledge.ts';
import { checkContent, documentTypeOf } from './document-type.ts';

const folder = mkdtempSync(join(tmpdir(), 'document-type-'));
after(() => rmSync(folder, { recursive: true }));

function check(type: DocumentType, content: string | Buffer): Promise<void> {
  const path = join(folder, 'upload');
  writeFileSync(path, content);
  return checkContent(type, path);
}

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg==',
  'base64',
);
const PDF = '%PDF-1.7\n1 0 obj\n<< >>\nendobj\n';
const CFB = Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(1024)]);
const DOCX = writeDocx(wordParagraph('x'));
const EPUB = writeEpub(['<p>x</p>']);
const OFFICE = 'http://schemas.openxmlformats.org/package/2006/content-types';

function office(contentType: string): Buffer {
  const types = `<Types xmlns="${OFFICE}"><Override PartName="/a.xml" ContentType="${contentType}.main+xml"/></Types>`;
  return writeZip([{ name: '[Content_Types].xml', content: types }]);
}

const DOCM = office('application/vnd.ms-word.document.macroEnabled');
const XLSX = office('application/vnd.openxmlformats-officedocument.spreadsheetml.sheet');

describe('documentTypeOf', () => {
  test('knows the supported endings in any case', () => {
    const names = [
      'a.pdf',
      'B.PDF',
      'c.docx',
      'd.md',
      'e.markdown',
      'f.txt',
      '大模型.v2.md',
      'dir.pdf/g.txt ',
    ];
    const types = ['pdf', 'pdf', 'docx', 'markdown', 'markdown', 'text', 'markdown', 'text'];
    assert.deepEqual(names.map(documentTypeOf), types);
    const others = ['a.html', 'b.HTM', 'c.csv', 'd.tsv', 'e.xlsx', 'f.pptx', 'g.epub'];
    const otherTypes = ['html', 'html', 'csv', 'csv', 'xlsx', 'pptx', 'epub'];
    assert.deepEqual(others.map(documentTypeOf), otherTypes);
  });

  test('refuses the rest and lists what is supported', () => {
    for (const name of ['a.docm', 'a.doc', 'a.pdf.exe', 'README', '.pdf', 'a.', 'a.constructor', '']) {
      assert.throws(
        () => documentTypeOf(name),
        { code: 'unsupported_type', message: /PDF.*\.docx.*\.md.*\.txt/ },
        name,
      );
    }
  });
});

describe('checkContent accepts', () => {
  const accepted: Record<string, [type: DocumentType, content: string | Buffer]> = {
    'a PDF': ['pdf', PDF],
    'a PDF behind other bytes': ['pdf', `\n\n${' '.repeat(500)}${PDF}`],
    'a .docx': ['docx', DOCX],
    'an OLE container as .docx, which may be an encrypted one': ['docx', CFB],
    'a .pptx': ['pptx', writePptx([''])],
    'a .xlsx': ['xlsx', writeXlsx({ A: sheetRow('x') })],
    'a .epub': ['epub', EPUB],
    'an archive that may be a book': ['epub', writeZip([{ name: 'a', content: 'b' }])],
    'an HTML page': ['html', '<!DOCTYPE html><p>x'],
    'an HTML page that begins with a comment': ['html', '\ufeff\n<!-- x --><p>x'],
    'a CSV table': ['csv', 'a;b\n"x<y";2'],
    'HTML in Markdown': ['markdown', '<!DOCTYPE html>\n<h1 align="center">Title</h1>\n'],
    'XML in a text file': ['text', '<?xml version="1.0"?><a/>'],
    'text that begins like a bitmap': ['text', 'BMW is a company.'],
    'text that begins like an executable': ['text', 'MZ is an abbreviation.'],
    'UTF-16 with a mark': ['text', Buffer.from('\ufeffabc', 'utf16le')],
    'UTF-32BE with a mark': ['text', Buffer.from('0000feff00000061', 'hex')],
    GBK: ['text', Buffer.from('bbf9b1bec9cf', 'hex')],
    'text with terminal colours': ['text', '\u001b[31mred\u001b[0m'],
  };
  for (const [name, [type, content]] of Object.entries(accepted)) test(name, () => check(type, content));
});

describe('checkContent refuses', () => {
  const refused: Record<string, [type: DocumentType, content: string | Buffer]> = {
    'a PNG as PDF': ['pdf', PNG],
    'text as PDF': ['pdf', 'just text'],
    'a PNG as PDF, with a PDF header inside': ['pdf', Buffer.concat([PNG, Buffer.from(PDF)])],
    'a PDF as .docx': ['docx', PDF],
    'text as .docx': ['docx', 'just text'],
    'a .xlsx as .pptx': ['pptx', XLSX],
    'a .docx as .epub': ['epub', DOCX],
    'a book as .xlsx': ['xlsx', EPUB],
    'an OLE container as .epub': ['epub', CFB],
    'text as .xlsx': ['xlsx', 'a,b'],
    'a PNG as HTML': ['html', PNG],
    'text as HTML': ['html', 'a < b'],
    'a page as CSV, as many download links give': ['csv', '\ufeff\n<!doctype html><p>Please log in'],
    'a .xlsx as CSV': ['csv', XLSX],
    'a PDF as CSV': ['csv', PDF],
    'a .docm as .docx': ['docx', DOCM],
    'a .xlsx as .docx': ['docx', XLSX],
    'a PDF as text': ['text', PDF],
    'a zip as text': ['text', writeZip([{ name: 'a', content: 'b' }])],
    'RTF as text': ['text', '{\\rtf1\\ansi text}'],
    'a PNG as Markdown': ['markdown', PNG],
    'UTF-16 without a mark, which nothing tells from binary data': ['text', Buffer.from('abc', 'utf16le')],
  };
  for (const [name, [type, content]] of Object.entries(refused)) {
    test(name, () =>
      assert.rejects(check(type, content), { code: 'type_mismatch', message: /^The name says .*\.$/ }),
    );
  }

  test('an empty file', () => assert.rejects(check('text', ''), { code: 'empty' }));
  test('nothing silently: an unreadable path is an error of its own', () =>
    assert.rejects(checkContent('pdf', join(folder, 'none')), { code: 'ENOENT' }));
});
