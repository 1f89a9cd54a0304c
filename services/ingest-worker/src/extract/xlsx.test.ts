import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sheetRow, writePptx, writeXlsx } from '../../../../tests/helpers/office.ts';
import { extractXlsx } from './xlsx.ts';

async function extract(xlsx: Buffer): Promise<string> {
  return (await extractXlsx(new Uint8Array(xlsx))).text;
}

const STYLES = `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy&quot;年&quot;m&quot;月&quot;d&quot;日&quot;"/><numFmt numFmtId="165" formatCode="[Red]0.0 &quot;days&quot;"/></numFmts><cellStyleXfs><xf numFmtId="9"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="22"/><xf numFmtId="10"/><xf numFmtId="165"/><xf numFmtId="20"/></cellXfs></styleSheet>`;

describe('extractXlsx', () => {
  test('gives sheets as headings and rows as records', async () => {
    const text = await extract(
      writeXlsx({
        员工: sheetRow('姓名', '城市') + sheetRow('王伟', '北京') + sheetRow('# 李娜', ''),
        'B &amp; C': sheetRow('Report 2026') + sheetRow('Year', '2025', '2026') + sheetRow('Sales', '1', '2'),
        Empty: '',
      }),
    );
    assert.equal(
      text,
      '# 员工\n\n姓名: 王伟\n城市: 北京\n\n姓名: # 李娜\n\n# B & C\n\nReport 2026\n\nYear: Sales\n2025: 1\n2026: 2',
    );
  });

  test('reads shared texts, formulas, booleans, dates and percentages', async () => {
    const numbers = `<row r="2"><c r="A2" s="1"><v>46082</v></c><c r="B2" s="2"><v>46082</v></c><c r="C2" s="3"><v>46082.5</v></c><c r="D2" s="4"><v>0.125</v></c><c r="E2" s="5"><v>3</v></c><c r="F2" s="6"><v>0.375</v></c><c r="G2"><f>0.1+0.2</f><v>0.30000000000000004</v></c><c r="H2" t="b"><v>1</v></c><c r="J2" t="str"><f>A1&amp;"x"</f><v>ax</v></c></row>`;
    const header = `<row r="1">${'ABCDEFGHIJ'
      .split('')
      .map((letter, index) => `<c r="${letter}1" t="s"><v>${index}</v></c>`)
      .join('')}</row>`;
    const strings = `<sst>${'abcdefghij'
      .split('')
      .map(
        (each) =>
          `<si><r><t>${each}</t></r><r><t xml:space="preserve">!</t></r><rPh><t>phonetic</t></rPh></si>`,
      )
      .join('')}</sst>`;
    const parts = { 'xl/sharedStrings.xml': strings, 'xl/styles.xml': STYLES };
    assert.equal(
      await extract(writeXlsx({ S: header + numbers }, parts)),
      '# S\n\na!: 2026-03-01\nb!: 2026-03-01\nc!: 2026-03-01 12:00\nd!: 12.5%\ne!: 3\nf!: 09:00\ng!: 0.3\nh!: TRUE\nj!: ax',
    );
  });

  test('gives a cell that is merged over rows to each of them', async () => {
    const cell = (ref: string, text: string): string => `<c r="${ref}" t="str"><v>${text}</v></c>`;
    const rows = `<sheetData><row r="1">${cell('A1', 'Region')}${cell('B1', 'City')}</row><row r="2">${cell('A2', 'North')}${cell('B2', 'Oslo')}</row><row r="3">${cell('B3', 'Bergen')}</row><row r="4"><c r="B4"/></row></sheetData><mergeCells><mergeCell ref="A2:A4"/><mergeCell ref="A1:XFD1048576"/><mergeCell ref="nonsense"/></mergeCells>`;
    assert.equal(
      await extract(writeXlsx({ S: rows })),
      '# S\n\nRegion: North\nCity: Oslo\n\nRegion: North\nCity: Bergen',
    );
  });

  test('leaves hidden sheets out', async () => {
    const workbook =
      '<workbook><sheets><sheet name="A" r:id="s1" state="veryHidden"/><sheet name="B" r:id="s2"/></sheets></workbook>';
    const xlsx = writeXlsx({ A: sheetRow('secret'), B: sheetRow('open') }, { 'xl/workbook.xml': workbook });
    assert.equal(await extract(xlsx), '# B\n\nopen');
  });

  const row = sheetRow('a', 'b');
  const laughs = `<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><worksheet><sheetData><row><c t="str"><v>&b;</v></c></row></sheetData></worksheet>`;
  const refused: Record<string, [xlsx: Buffer, code: string]> = {
    'an empty workbook': [writeXlsx({ A: '' }), 'no_text'],
    'a workbook without sheets': [writeXlsx({}), 'corrupt'],
    'a presentation': [writePptx(['']), 'type_mismatch'],
    'entities in a sheet': [writeXlsx({ A: row }, { 'xl/worksheets/sheet1.xml': laughs }), 'corrupt'],
    'rows that nest without end': [writeXlsx({ A: '<row>'.repeat(10_000) }), 'corrupt'],
    'one text that 100,000 cells show': [
      writeXlsx(
        { A: `<row><c t="s"><v>0</v></c></row>`.repeat(1e5) },
        { 'xl/sharedStrings.xml': `<sst><si><t>${'long '.repeat(100)}</t></si></sst>` },
      ),
      'too_large_uncompressed',
    ],
    'sheets of 200 MB': [writeXlsx({ A: ' '.repeat(200e6) }), 'too_large_uncompressed'],
    'half a file': [writeXlsx({ A: row }).subarray(0, 600), 'corrupt'],
  };
  for (const [name, [xlsx, code]] of Object.entries(refused)) {
    test(`refuses ${name}`, () => assert.rejects(extract(xlsx), { code, message: /^[A-Z].*\.$/ }));
  }
});
