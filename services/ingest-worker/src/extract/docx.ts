import { DocumentError } from '@sluice/shared/errors';
import mammoth from 'mammoth';
import type { ExtractedDocument } from './document.ts';
import { type DocxParts, corruptDocx, readDocxParts } from './docx-archive.ts';
import { convertHtmlToMarkdown } from './html-to-markdown.ts';
import { assertTextLength, isBlank, normalizeText } from './normalize.ts';

/**
 * Extracts a .docx as Markdown: headings, lists, tables, foot- and endnotes. Pictures are left out without being
 * read, and nothing outside the file is opened.
 *
 * @throws DocumentError `encrypted`, `type_mismatch`, `corrupt`, `no_text`, `too_large_uncompressed`.
 */
export async function extractDocx(bytes: Uint8Array): Promise<ExtractedDocument> {
  const html = await convertToHtml(await readDocxParts(bytes));
  const text = normalizeText(convertHtmlToMarkdown(html));
  assertTextLength(text.length);
  if (isBlank(text)) {
    throw new DocumentError(
      'no_text',
      'The Word document has no text. If it holds pictures of pages, run text recognition (OCR) over them and upload the result.',
    );
  }
  return { text, syntax: 'markdown', pages: [] };
}

/** mammoth's own view of an archive, which its typings do not show (mammoth 1.13, lib/unzip.js, `options.file`). */
interface MammothArchive {
  exists(path: string): boolean;
  read(path: string): Promise<string>;
}

async function convertToHtml(parts: DocxParts): Promise<string> {
  const file: MammothArchive = {
    // Only XML parts: so a style map inside the document, which could hide any part of it, is not found either.
    exists: (path) => parts.has(path),
    read: (path) => Promise.resolve(parts.get(path) ?? ''),
  };
  const input = { file } as unknown as Parameters<typeof mammoth.convertToHtml>[0];
  try {
    const { value } = await mammoth.convertToHtml(input, {
      styleMap: ["p[style-name='Title'] => h1:fresh", "p[style-name='Subtitle'] => h2:fresh"],
      externalFileAccess: false,
      convertImage: mammoth.images.imgElement(() => Promise.resolve({ src: '' })),
    });
    return value;
  } catch (error) {
    throw corruptDocx(error);
  }
}
