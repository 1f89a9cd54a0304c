import { DocumentError } from '@sluice/shared/errors';
import type { ExtractedDocument } from './document.ts';
import { assertTextLength, isBlank, normalizeText } from './normalize.ts';
import { type OfficeArchive, openOfficeArchive } from './office-archive.ts';
import { type CellStyle, formatNumber, readStyles } from './xlsx-numbers.ts';
import { readSheet } from './xlsx-sheet.ts';
import { createRecordWriter } from './table-records.ts';
import { readXml } from './xml.ts';

const XLSX = {
  name: 'an Excel workbook',
  program: 'Excel',
  ending: '.xlsx',
  mainType: 'spreadsheetml.sheet.main',
  mainPath: 'xl/workbook.xml',
  maxMarkupBytes: 128 * 1024 * 1024,
};

interface Workbook {
  sheets: { name: string; relation: string }[];
  /** Whether dates count from 1904 rather than 1900. */
  is1904: boolean;
}

/**
 * Extracts a workbook: each sheet under its name as a heading, its rows as records, with numbers as their format shows
 * them where that changes their meaning (dates, percentages) and the values that Excel last saw for formulas. Hidden
 * sheets, pictures, charts and comments are left out.
 *
 * @throws DocumentError `encrypted`, `type_mismatch`, `corrupt`, `no_text`, `too_large_uncompressed`.
 */
export async function extractXlsx(bytes: Uint8Array): Promise<ExtractedDocument> {
  const archive = await openOfficeArchive(bytes, XLSX);
  const { sheets, is1904 } = readWorkbook(await archive.read(archive.mainPath));
  const relations = await archive.relationsOf(archive.mainPath);
  const pathOf = (kind: string): string => relations.find((relation) => relation.kind === kind)?.target ?? '';
  const strings = readStrings(await archive.read(pathOf('sharedStrings')));
  const styles = readStyles(await archive.read(pathOf('styles')));
  const show = (value: string, style: CellStyle | undefined): string => formatNumber(value, style, is1904);

  let text = '';
  for (const sheet of sheets) {
    const path = relations.find(({ id }) => id === sheet.relation)?.target ?? '';
    const rows = readSheet(await archive.read(path), { strings, styles, show });
    const writer = createRecordWriter();
    for (const row of rows) writer.add(row);
    const records = writer.finish();
    if (isBlank(records)) continue;
    const heading = sheet.name.replace(/\s+/g, ' ').trim();
    text += `${text && '\n\n'}# ${heading}\n\n${records}`;
    assertTextLength(text.length);
  }
  return finish(normalizeText(text), archive);
}

function finish(text: string, archive: OfficeArchive): ExtractedDocument {
  if (!isBlank(text)) return { text, syntax: 'records', pages: [] };
  const hasSheets = archive.paths.some((path) => path.includes('worksheets/'));
  if (!hasSheets) throw archive.corrupt(new Error('no sheets'));
  throw new DocumentError(
    'no_text',
    'The sheets of the workbook have no cells with text. There is nothing to index.',
  );
}

function readWorkbook(xml: string): Workbook {
  const workbook: Workbook = { sheets: [], is1904: false };
  readXml(xml, {
    open(tag, attributes) {
      if (tag === 'workbookPr') workbook.is1904 = /^(?:1|true)$/.test(attributes['date1904'] ?? '');
      if (tag !== 'sheet' || /hidden/i.test(attributes['state'] ?? '')) return;
      workbook.sheets.push({ name: attributes['name'] ?? '', relation: attributes['r:id'] ?? '' });
    },
  });
  return workbook;
}

/** The texts that cells refer to by number, without the phonetic hints of Japanese ones. */
function readStrings(xml: string): string[] {
  const strings: string[] = [];
  let text = '';
  let isText = false;
  let isPhonetic = false;
  readXml(xml, {
    open(tag) {
      if (tag === 'si') text = '';
      else if (tag === 'rPh') isPhonetic = true;
      else if (tag === 't') isText = !isPhonetic;
    },
    text(piece) {
      if (isText) text += piece;
    },
    close(tag) {
      if (tag === 'si') strings.push(text);
      else if (tag === 'rPh') isPhonetic = false;
      else if (tag === 't') isText = false;
    },
  });
  return strings;
}
