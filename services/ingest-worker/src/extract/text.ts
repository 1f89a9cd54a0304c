import { DocumentError } from '@sluice/shared/errors';
import type { ExtractedDocument } from './document.ts';
import { decodeText } from './encoding.ts';
import { assertTextLength, isBlank, normalizeText } from './normalize.ts';

/**
 * Extracts a plain text or Markdown file in any encoding that can be recognized.
 *
 * @throws DocumentError `empty`, `no_text`, `too_large_uncompressed`.
 */
export function extractText(bytes: Uint8Array, syntax: ExtractedDocument['syntax']): ExtractedDocument {
  if (bytes.length === 0) {
    throw new DocumentError('empty', 'The file is empty (0 bytes). Check the original and upload it again.');
  }
  const { text: decoded, encoding } = decodeText(bytes);
  assertTextLength(decoded.length);
  const text = normalizeText(decoded);
  if (isBlank(text)) {
    throw new DocumentError('no_text', 'The file holds only white space. There is nothing to index.');
  }
  return { text, syntax, pages: [], encoding };
}
