import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { relations, slideShape, writePptx, writeXlsx } from '../../../../tests/helpers/office.ts';
import { chunkDocument } from '../chunk.ts';
import { extractPptx } from './pptx.ts';

function extract(pptx: Buffer): ReturnType<typeof extractPptx> {
  return extractPptx(new Uint8Array(pptx));
}

const TABLE =
  '<p:graphicFrame><a:graphic><a:tbl><a:tr><a:tc><a:p><a:t>a|b</a:t></a:p></a:tc><a:tc><a:p><a:t>c</a:t></a:p></a:tc></a:tr></a:tbl></a:graphic></p:graphicFrame>';

describe('extractPptx', () => {
  test('gives slides as pages with titles, texts, tables and notes', async () => {
    const pptx = writePptx(
      [
        slideShape('body', 'First point', '# second') + slideShape('ctrTitle', '季度', 'report') + TABLE,
        '',
        slideShape('title', 'Only a title') + slideShape('sldNum', '3'),
      ],
      {
        'ppt/slides/_rels/slide1.xml.rels': relations([
          ['n', 'notesSlide', '../notesSlides/notes1.xml'],
          ['d', 'diagramData', '../diagrams/data1.xml'],
          ['x', 'slide', '../../../../../etc/passwd'],
        ]),
        'ppt/notesSlides/notes1.xml': `<p:notes>${slideShape('sldImg', 'x')}${slideShape('body', 'Say hello')}</p:notes>`,
        'ppt/diagrams/data1.xml':
          '<dgm:dataModel><dgm:pt><dgm:t><a:p><a:t>Step</a:t></a:p></dgm:t></dgm:pt></dgm:dataModel>',
      },
    );
    const document = await extract(pptx);
    const first =
      '# 季度 report\n\nFirst point\n\\# second\n\n| a\\|b | c |\n| --- | --- |\n\nStep\n\nSay hello';
    assert.deepEqual(document, {
      text: `${first}\n\n# Only a title`,
      syntax: 'markdown',
      pages: [
        { page: 1, start: 0, end: first.length },
        { page: 3, start: first.length + 2, end: first.length + 16 },
      ],
      pageCount: 3,
    });
    assert.deepEqual(chunkDocument(document, { size: 500, overlap: 0 })[0]?.headings, ['季度 report']);
  });

  test('keeps the order of the presentation, levels, and one of two alternatives', async () => {
    const alternative = `<mc:AlternateContent><mc:Choice>${slideShape('body', 'new')}</mc:Choice><mc:Fallback>${slideShape('body', 'old')}</mc:Fallback></mc:AlternateContent>`;
    const nested =
      '<p:sp><a:p><a:t>top</a:t></a:p><a:p><a:pPr lvl="1"/><a:t>under</a:t><a:br/><a:t>it</a:t></a:p></p:sp>';
    const hidden = '<p:sld show="0"><p:sp><a:p><a:t>hidden</a:t></a:p></p:sp></p:sld>';
    const { text, pages } = await extract(writePptx([alternative, hidden, nested]));
    assert.equal(text, 'new\n\ntop\n  - under\nit');
    assert.deepEqual(
      pages.map(({ page }) => page),
      [1, 3],
    );
  });

  const refused: Record<string, [pptx: Buffer, code: string]> = {
    'slides without text': [writePptx(['', '<p:pic/>']), 'no_text'],
    'no slides': [writePptx([]), 'corrupt'],
    'a workbook': [writeXlsx({ A: '' }), 'type_mismatch'],
    'one slide shown 100,000 times': [
      writePptx([slideShape('body', 'x')], {
        'ppt/presentation.xml': '<p:sldId r:id="s1"/>'.repeat(1e5),
      }),
      'corrupt',
    ],
  };
  for (const [name, [pptx, code]] of Object.entries(refused)) {
    test(`refuses ${name}`, () => assert.rejects(extract(pptx), { code, message: /^[A-Z].*\.$/ }));
  }
});
