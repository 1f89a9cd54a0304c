import { DocumentError } from '@sluice/shared/errors';
import Papa from 'papaparse';
import type { ExtractedDocument } from './document.ts';
import { decodeText } from './encoding.ts';
import { assertTextLength, isBlank, normalizeText } from './normalize.ts';
import { createRecordWriter } from './table-records.ts';

const DELIMITERS = [',', '\t', ';', '|'];

/**
 * Extracts a table of separated values, in any encoding that can be recognized and with any usual delimiter, as one
 * record per row.
 *
 * @throws DocumentError `no_text`, `too_large_uncompressed`.
 */
export function extractCsv(bytes: Uint8Array): ExtractedDocument {
  const { text: decoded, encoding } = decodeText(bytes);
  assertTextLength(decoded.length);
  const writer = createRecordWriter();
  Papa.parse<string[]>(normalizeText(decoded), {
    delimitersToGuess: DELIMITERS,
    step: ({ data }) => writer.add(data.map((text, column) => ({ column, text }))),
  });
  const text = writer.finish();
  if (isBlank(text)) {
    throw new DocumentError('no_text', 'The table has no cells with text. There is nothing to index.');
  }
  return { text, syntax: 'records', pages: [], encoding };
}
