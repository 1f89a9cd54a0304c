import { DocumentError } from '@sluice/shared/errors';

/**
 * Longest text that is accepted, in UTF-16 code units. War and Peace has 3.2 million; a text larger than this
 * is a decompression trick or a data dump, and would have to cross the process border in one message.
 */
export const MAX_TEXT_LENGTH = 32 * 1024 * 1024;

/** Control characters but tab and newline, soft hyphens, byte order marks, non-characters. */
const FORBIDDEN_CHARACTERS = /[^\P{Cc}\t\n]|[\u00ad\ufeff\ufffe\uffff]/gu;

/**
 * Brings text into the form that is chunked and cited: `\n` line ends, form feeds as paragraph breaks, no
 * control characters but tab and newline, no soft hyphens or byte order marks, unpaired surrogates replaced by
 * U+FFFD, NFC.
 */
export function normalizeText(text: string): string {
  return text
    .replace(/\r\n?|[\u0085\u2028]/g, '\n')
    .replace(/[\f\u2029]/g, '\n\n')
    .replaceAll('\v', '\n')
    .replace(FORBIDDEN_CHARACTERS, '')
    .toWellFormed()
    .normalize('NFC');
}

/** True when nothing in the text can be seen: white space and zero-width characters only. */
export function isBlank(text: string): boolean {
  return !/[^\s\u200b-\u200f\u2060\ufffd]/u.test(text);
}

/**
 * @throws DocumentError `too_large_uncompressed` when the text is longer than {@link MAX_TEXT_LENGTH}.
 */
export function assertTextLength(length: number): void {
  if (length <= MAX_TEXT_LENGTH) return;
  throw new DocumentError(
    'too_large_uncompressed',
    `The document holds more than ${MAX_TEXT_LENGTH.toLocaleString('en')} characters of text. Split it and upload the parts.`,
  );
}
