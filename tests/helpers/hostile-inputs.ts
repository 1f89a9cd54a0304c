import { relations, sheetRow, slideShape, writeEpub, writePptx, writeXlsx } from './office.ts';
import { claimFiles, writeCrowdedZip } from './hostile-zip.ts';
import { wordParagraph, writeDocx, writeZip } from './zip.ts';

/** A file that is made to do harm, and what must become of it. */
export interface HostileInput {
  name: string;
  filename: string;
  make(): Buffer | string;
  /** The code that it fails with, or `ready` where it does no harm. */
  outcome: string;
  /** What must not be in its text. */
  without?: RegExp;
  /** Whether the process that reads it has to be killed. */
  killed?: boolean;
}

/** The short form of one: name, file name, expected outcome, content. */
export type Row = [name: string, filename: string, outcome: string, make: () => Buffer | string];

const LAUGHS = `<!DOCTYPE x [${Array.from({ length: 30 }, (_, i) => `<!ENTITY l${i + 1} "&l${i};&l${i};">`).join('')}<!ENTITY l0 "ha">]>`;
const OUTSIDE = '<!DOCTYPE x [<!ENTITY xxe SYSTEM "file:///etc/passwd">]>';
const PARAGRAPH = wordParagraph('text');
const ROW = sheetRow('a', 'b');
const SLIDE = slideShape('body', 'text');

const ole = (stream: string): Buffer =>
  Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(1024), Buffer.from(stream, 'utf16le')]);
const wordPart = (name: string, content: string | Buffer = '<x/>'): Buffer =>
  writeDocx(PARAGRAPH, [{ name, content }]);
const utf16 = (text: string): Buffer => Buffer.from(`\ufeff${text}`, 'utf16le');

/** Archives that lie about themselves. */
const ARCHIVES: Row[] = [
  [
    'a part that unpacks to 70 MB',
    'a.docx',
    'too_large_uncompressed',
    () => writeDocx(wordParagraph('x'.repeat(70e6))),
  ],
  [
    'a sheet that unpacks to 150 MB',
    'a.xlsx',
    'too_large_uncompressed',
    () => writeXlsx({ A: ' '.repeat(150e6) }),
  ],
  [
    'pictures that claim to unpack to 4 GB',
    'a.docx',
    'too_large_uncompressed',
    () =>
      writeDocx(
        PARAGRAPH,
        [1, 2].map((n) => ({ name: `${n}.png`, content: '', declaredSize: 2e9 })),
      ),
  ],
  [
    'a part that unpacks to more than it claims',
    'a.docx',
    'corrupt',
    () => writeDocx('', [{ name: 'word/document.xml', content: 'x'.repeat(50e6), declaredSize: 1000 }]),
  ],
  ['200,000 files', 'a.epub', 'too_large_uncompressed', () => writeCrowdedZip(200_000)],
  [
    'a claim of 2^40 files',
    'a.epub',
    'too_large_uncompressed',
    () => claimFiles(writeEpub(['<p>x</p>']), 2n ** 40n),
  ],
  [
    'a directory that is shorter than it claims',
    'a.epub',
    'corrupt',
    () => claimFiles(writeEpub(['<p>x</p>']), 4000n),
  ],
  [
    'an archive within the archive',
    'a.docx',
    'ready',
    () => wordPart('word/embeddings/inner.zip', writeZip([{ name: 'a', content: ' '.repeat(1e6) }])),
  ],
  ['a path that leaves the archive', 'a.docx', 'corrupt', () => wordPart('../../evil.xml')],
  ['a path from the root', 'a.docx', 'corrupt', () => wordPart('/tmp/evil.xml')],
  ['a path of Windows', 'a.docx', 'corrupt', () => wordPart('..\\..\\evil.xml')],
  [
    'a part that is there twice',
    'a.docx',
    'corrupt',
    () => writeZip([1, 2].map(() => ({ name: 'word/document.xml', content: '<x/>' }))),
  ],
  ['half a document', 'a.docx', 'corrupt', () => writeDocx(PARAGRAPH).subarray(0, 400)],
  ['a directory without files', 'a.pptx', 'type_mismatch', () => writePptx([SLIDE]).subarray(-300)],
  [
    'encrypted parts',
    'a.xlsx',
    'encrypted',
    () => writeZip([{ name: '[Content_Types].xml', content: 'x', isEncrypted: true }]),
  ],
  ['an encrypted workbook', 'a.xlsx', 'encrypted', () => ole('EncryptedPackage')],
  ['a presentation of 1997', 'a.pptx', 'type_mismatch', () => ole('PowerPoint Document')],
];

/** XML that grows, reaches out, or has no end. */
const MARKUP: Row[] = [
  ['an external entity', 'a.docx', 'corrupt', () => writeDocx(wordParagraph('&xxe;'), [], OUTSIDE)],
  ['a billion laughs', 'a.docx', 'corrupt', () => writeDocx(wordParagraph('&l30;'), [], LAUGHS)],
  [
    'a billion laughs in the texts of a workbook',
    'a.xlsx',
    'corrupt',
    () => writeXlsx({ A: ROW }, { 'xl/sharedStrings.xml': `${LAUGHS}<sst><si><t>&l30;</t></si></sst>` }),
  ],
  ['an external entity in a slide', 'a.pptx', 'corrupt', () => writePptx([`<p:sld/>${OUTSIDE}&xxe;`])],
  [
    'a billion laughs in a chapter',
    'a.epub',
    'corrupt',
    () => writeEpub(['x'], { 'OEBPS/text/c0.xhtml': `${LAUGHS}<p>&l30;</p>` }),
  ],
  [
    'an external entity in UTF-16',
    'a.docx',
    'corrupt',
    () => wordPart('word/document.xml', utf16(`${OUTSIDE}<w:document><w:body>&xxe;</w:body></w:document>`)),
  ],
  [
    'parts outside of the file',
    'a.docx',
    'ready',
    () =>
      wordPart(
        'word/_rels/document.xml.rels',
        relations([['x', 'footnotes', 'file:///etc/passwd']]).replace(
          'Target=',
          'TargetMode="External" Target=',
        ),
      ),
  ],
  [
    'tables that nest 20,000 deep',
    'a.docx',
    'corrupt',
    () => writeDocx('<w:tbl><w:tr><w:tc>'.repeat(20_000)),
  ],
  ['rows that nest 100,000 deep', 'a.xlsx', 'corrupt', () => writeXlsx({ A: '<row>'.repeat(100_000) })],
  [
    'one text that 100,000 cells show',
    'a.xlsx',
    'too_large_uncompressed',
    () =>
      writeXlsx(
        { A: '<row><c t="s"><v>0</v></c></row>'.repeat(100_000) },
        { 'xl/sharedStrings.xml': `<sst><si><t>${'x '.repeat(2000)}</t></si></sst>` },
      ),
  ],
  [
    '10,000 merges of the whole sheet, and cells at its end',
    'a.xlsx',
    'ready',
    () =>
      writeXlsx({
        A: `<sheetData>${ROW}<row r="1048576"><c r="XFD1048576"><v>1</v></c><c r="ZZZ9999999"><v>2</v></c></row></sheetData><mergeCells>${'<mergeCell ref="A1:XFD1048576"/>'.repeat(10_000)}</mergeCells>`,
      }),
  ],
  [
    'numbers that are none',
    'a.xlsx',
    'ready',
    () =>
      writeXlsx({
        A: '<row r="-5"><c r="1A" s="1e99"><v>1e999</v></c><c t="s"><v>-1</v></c><c><v>x</v></c></row>',
      }),
  ],
  [
    'a slide that is shown 100,000 times',
    'a.pptx',
    'corrupt',
    () => writePptx([SLIDE], { 'ppt/presentation.xml': '<p:sldId r:id="s1"/>'.repeat(100_000) }),
  ],
  [
    'a slide that is its own notes',
    'a.pptx',
    'ready',
    () =>
      writePptx([SLIDE], {
        'ppt/slides/_rels/slide1.xml.rels': relations([
          ['n', 'notesSlide', 'slide1.xml'],
          ['m', 'notesSlide', '../../../../etc/passwd'],
        ]),
      }),
  ],
  [
    'chapters outside of the book',
    'a.epub',
    'corrupt',
    () =>
      writeEpub(['x'], {
        'OEBPS/book.opf': '<item id="c" href="../../../../../etc/passwd"/><itemref idref="c"/>',
      }),
  ],
  [
    'a chapter that is a link to a file',
    'a.epub',
    'ready',
    () =>
      writeZip([
        { name: 'META-INF/container.xml', content: '<rootfile full-path="b.opf"/>' },
        { name: 'b.opf', content: '<item id="c" href="c.xhtml"/><itemref idref="c"/>' },
        { name: 'c.xhtml', content: '/etc/passwd', mode: 0o120777 },
      ]),
  ],
  ['1,000,000 nested elements', 'a.html', 'corrupt', () => '<div>'.repeat(1e6)],
  ['500,000 nested lists', 'a.html', 'corrupt', () => '<ul><li>x'.repeat(5e5)],
  ['2,000,000 attributes', 'a.html', 'no_text', () => `<a ${'b=c '.repeat(2e6)}>`],
  [
    'cells that span 1,000 columns',
    'a.html',
    'too_large_uncompressed',
    () => `<table><tr>${'<td colspan=1000>x'.repeat(2.5e5)}`,
  ],
  ['a page that is only a script', 'a.html', 'no_text', () => `<script>${'for(;;);'.repeat(1e5)}</script>`],
  [
    'a page that gives itself a wrong encoding',
    'a.html',
    'ready',
    () => '<meta charset="utf-16le"><p>text</p>',
  ],
];

/** Tables and texts that are hard on parsers. */
const TEXTS: Row[] = [
  ['1,000,000 columns', 'a.csv', 'ready', () => `${'a,'.repeat(1e6)}\n${'1,'.repeat(1e6)}`],
  ['a cell of 3 MB behind a quote that never ends', 'a.csv', 'ready', () => `a,b\n"${'x '.repeat(1.5e6)}`],
  ['2,000,000 quotes', 'a.csv', 'ready', () => `a,b\n${'"'.repeat(2e6)}`],
  [
    'rows that grow a hundredfold',
    'a.csv',
    'too_large_uncompressed',
    () => `${'n'.repeat(100)},b\n${'1,2\n'.repeat(1e6)}`,
  ],
  ['10,000,000 delimiters', 'a.csv', 'no_text', () => ','.repeat(10e6)],
  ['lone surrogates', 'a.txt', 'ready', () => utf16(`text ${'\udc00\ud800'.repeat(1e5)}`)],
  ['NUL bytes', 'a.txt', 'type_mismatch', () => 'text\0text'],
  ['NUL bytes far down', 'a.md', 'ready', () => `# Title\n\n${'text '.repeat(20_000)}${'\0'.repeat(1e5)}`],
  ['3,000,000 letters without a space', 'a.txt', 'ready', () => 'a'.repeat(3e6)],
  ['accents without end', 'a.txt', 'ready', () => `a${'\u0301'.repeat(1e6)}`],
  ['spaces before every line end', 'a.md', 'ready', () => `${`${' '.repeat(5000)}x\n`.repeat(400)}`],
  [
    'numbers, dots and hyphens that look like words',
    'a.txt',
    'ready',
    () => `${'a-'.repeat(5e5)}!${'1.'.repeat(5e5)}!${'a.b@'.repeat(2e5)}`,
  ],
  ['headings and fences without end', 'a.md', 'ready', () => `${'#\n'.repeat(3e5)}${'```\n'.repeat(3e5)}x`],
  ['white space only', 'a.md', 'no_text', () => ' \n\t\u3000'.repeat(1e6)],
  ['a name that leads elsewhere', '../../../etc/passwd.txt', 'ready', () => 'just text'],
];

/** Files that are not what their name says. */
const MISMATCHES: Row[] = [
  [
    'a program as text',
    'a.txt',
    'type_mismatch',
    () => Buffer.concat([Buffer.from('7f454c4602010100', 'hex'), Buffer.alloc(4096)]),
  ],
  ['a document as a workbook', 'a.xlsx', 'type_mismatch', () => writeDocx(PARAGRAPH)],
  ['an archive as a page', 'a.html', 'type_mismatch', () => writeDocx(PARAGRAPH)],
  ['a page as a table', 'a.csv', 'type_mismatch', () => '<!DOCTYPE html><p>Log in'],
  ['nothing', 'a.csv', 'empty', () => ''],
  ['11 MB', 'a.txt', 'too_large', () => 'x'.repeat(11e6)],
  ['a program', 'a.exe', 'unsupported_type', () => 'MZ'],
];

const asInput = ([name, filename, outcome, make]: Row): HostileInput => ({
  name,
  filename,
  outcome,
  make,
  without: /root:/,
});

/** Every hostile input but the PDFs. */
export const HOSTILE_INPUTS: HostileInput[] = [
  ...[...ARCHIVES, ...MARKUP, ...TEXTS, ...MISMATCHES].map(asInput),
  {
    name: 'end tags that each search 4,900 open elements',
    filename: 'a.html',
    outcome: 'resource_limit',
    killed: true,
    make: () => '<div>'.repeat(4900) + '</b>'.repeat(2e6),
  },
  {
    name: 'a document of 3,000,000 empty paragraphs',
    filename: 'a.docx',
    outcome: 'resource_limit',
    killed: true,
    make: () => writeDocx('<w:p/>'.repeat(3e6)),
  },
];
