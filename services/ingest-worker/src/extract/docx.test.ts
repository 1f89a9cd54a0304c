import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { wordParagraph, writeDocx, writeZip } from '../../../../tests/helpers/zip.ts';
import { extractDocx } from './docx.ts';

const NAMESPACE = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';
const RELATIONSHIP = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';

function extract(docx: Buffer): ReturnType<typeof extractDocx> {
  return extractDocx(new Uint8Array(docx));
}

/** The directory of an OLE container, as far as it is looked at. */
function ole(streamName: string): Buffer {
  return Buffer.concat([
    Buffer.from('d0cf11e0a1b11ae1', 'hex'),
    Buffer.alloc(1024),
    Buffer.from(streamName, 'utf16le'),
  ]);
}

describe('extractDocx', () => {
  test('gives headings, paragraphs and tables as Markdown', async () => {
    const cell = (text: string): string => `<w:tc>${wordParagraph(text)}</w:tc>`;
    const row = (...cells: string[]): string => `<w:tr>${cells.map(cell).join('')}</w:tr>`;
    const docx = writeDocx(
      wordParagraph('Handbuch', 'Heading1') +
        wordParagraph('# no heading') +
        `<w:tbl>${row('Name', 'Wert')}${row('a|b', '1')}</w:tbl>`,
    );
    assert.deepEqual(await extract(docx), {
      text: '# Handbuch\n\n\\# no heading\n\n| Name | Wert |\n| --- | --- |\n| a\\|b | 1 |',
      syntax: 'markdown',
      pages: [],
    });
  });

  test('keeps footnotes', async () => {
    const reference = '<w:p><w:r><w:t>Claim</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r></w:p>';
    const notes = `<w:footnotes ${NAMESPACE}><w:footnote w:id="2">${wordParagraph('Source')}</w:footnote></w:footnotes>`;
    const docx = writeDocx(reference, [{ name: 'word/footnotes.xml', content: notes }]);
    assert.equal((await extract(docx)).text, 'Claim[^1]\n\n[^1]: Source');
  });

  test('leaves pictures out, whether they are inside or elsewhere', async () => {
    const picture = (attribute: string): string =>
      `<w:p><w:r><w:drawing><wp:inline xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"><a:graphic xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:graphicData><pic:pic xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:blipFill><a:blip xmlns:r="${RELATIONSHIP}" ${attribute}/></pic:blipFill></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>`;
    const relation = (id: string, rest: string): string =>
      `<Relationship Id="${id}" Type="${RELATIONSHIP}/image" ${rest}/>`;
    const relations = `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">${relation('r1', 'Target="media/a.png"')}${relation('r2', 'Target="file:///etc/passwd" TargetMode="External"')}</Relationships>`;
    const docx = writeDocx(picture('r:embed="r1"') + picture('r:link="r2"') + wordParagraph('Text'), [
      { name: 'word/_rels/document.xml.rels', content: relations },
      { name: 'word/media/a.png', content: 'no picture' },
    ]);
    assert.equal((await extract(docx)).text, 'Text');
  });

  test('ignores a style map that the document brings along', async () => {
    const docx = writeDocx(wordParagraph('Text'), [{ name: 'mammoth/style-map', content: 'p => !' }]);
    assert.equal((await extract(docx)).text, 'Text');
  });

  const prolog = '<!DOCTYPE x [<!ENTITY xxe SYSTEM "file:///etc/passwd">]>';
  const refused: Record<string, [docx: Buffer, code: string]> = {
    'an external entity': [writeDocx(wordParagraph('&xxe;'), [], prolog), 'corrupt'],
    'a part that inflates to 70 MB': [writeDocx(wordParagraph('x'.repeat(70e6))), 'too_large_uncompressed'],
    'entries that inflate to 300 MB together': [
      writeDocx(
        wordParagraph('x'),
        [1, 2, 3].map((part) => ({ name: `word/media/${part}.png`, content: Buffer.alloc(100e6) })),
      ),
      'too_large_uncompressed',
    ],
    'headers that lie about the size': [
      writeDocx('', [{ name: 'word/document.xml', content: 'x'.repeat(50e6), declaredSize: 1000 }]),
      'corrupt',
    ],
    'too many entries': [
      writeZip(Array.from({ length: 5001 }, (_, index) => ({ name: `${index}.xml`, content: '' }))),
      'too_large_uncompressed',
    ],
    'a path that leaves the archive': [
      writeDocx(wordParagraph('x'), [{ name: '../../evil.xml', content: '<x/>' }]),
      'corrupt',
    ],
    'the same part twice': [
      writeZip([1, 2].map((part) => ({ name: 'word/document.xml', content: `<a>${part}</a>` }))),
      'corrupt',
    ],
    'a zip of something else': [writeZip([{ name: 'a.txt', content: 'x' }]), 'corrupt'],
    'broken XML': [writeDocx('<w:p><w:r>'), 'corrupt'],
    'half a file': [writeDocx(wordParagraph('x')).subarray(0, 300), 'corrupt'],
    'no text': [writeDocx(wordParagraph(' ')), 'no_text'],
    'an encrypted document': [ole('EncryptedPackage'), 'encrypted'],
    'a legacy .doc': [ole('WordDocument'), 'type_mismatch'],
    'a legacy workbook': [ole('Workbook'), 'type_mismatch'],
    'another OLE container': [ole('VisioDocument'), 'corrupt'],
    macros: [
      writeDocx(wordParagraph('x'), [
        {
          name: '[Content_Types].xml',
          content:
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/word/document.xml" ContentType="application/vnd.ms-word.document.macroEnabled.main+xml"/></Types>',
        },
      ]),
      'type_mismatch',
    ],
  };
  for (const [name, [docx, code]] of Object.entries(refused)) {
    test(`refuses ${name}`, () => assert.rejects(extract(docx), { code, message: /^[A-Z].*\.$/ }));
  }

  test('stops to inflate where the headers lie', async () => {
    const docx = writeDocx('', [
      { name: 'word/document.xml', content: 'x'.repeat(50e6), declaredSize: 1000 },
    ]);
    const before = process.memoryUsage().arrayBuffers;
    await assert.rejects(extract(docx));
    assert.ok(process.memoryUsage().arrayBuffers - before < 5e6);
  });
});
