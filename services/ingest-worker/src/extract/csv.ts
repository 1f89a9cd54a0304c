import { DocumentError } from '@sluice/shared/errors';
import Papa from 'papaparse';
import type { ExtractedDocument } from './document.ts';
import { decodeText } from './encoding.ts';
import { assertTextLength, isBlank, normalizeText } from './normalize.ts';
import { createRecordWriter, readCells } from './table-records.ts';

const DELIMITERS = [',', '\t', ';', '|'];

/** Characters in which the delimiter shows. */
const SAMPLE = 64 * 1024;

/**
 * Extracts a table of separated values, in any encoding that can be recognized and with any usual delimiter, as one
 * record per row.
 *
 * @throws DocumentError `no_text`, `too_large_uncompressed`.
 */
export function extractCsv(bytes: Uint8Array): ExtractedDocument {
  const { text: decoded, encoding } = decodeText(bytes);
  assertTextLength(decoded.length);
  const table = normalizeText(decoded);
  const { meta } = Papa.parse(table.slice(0, SAMPLE), { delimitersToGuess: DELIMITERS, preview: 20 });
  const writer = createRecordWriter();
  Papa.parse<string[]>(table, {
    delimiter: meta.delimiter,
    step: ({ data }) => writer.add(readCells(data)),
  });
  const text = writer.finish();
  if (isBlank(text)) {
    throw new DocumentError('no_text', 'The table has no cells with text. There is nothing to index.');
  }
  return { text, syntax: 'records', pages: [], encoding };
}
