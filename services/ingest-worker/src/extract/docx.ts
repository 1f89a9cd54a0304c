import { DocumentError } from '@sluice/shared/errors';
import mammoth from 'mammoth';
import type { Archive } from './archive.ts';
import type { ExtractedDocument } from './document.ts';
import { convertHtmlToMarkdown } from './html-to-markdown.ts';
import { assertTextLength, isBlank, normalizeText } from './normalize.ts';
import { openOfficeArchive } from './office-archive.ts';

const DOCX = {
  name: 'a Word document',
  program: 'Word',
  ending: '.docx',
  mainType: 'wordprocessingml.document.main',
  mainPath: 'word/document.xml',
  // They become a DOM of about 10 times the size; 872 pages have 5.5 million bytes.
  maxMarkupBytes: 64 * 1024 * 1024,
};

/**
 * Extracts a .docx as Markdown: headings, lists, tables, foot- and endnotes. Pictures are left out without being
 * read, and nothing outside the file is opened.
 *
 * @throws DocumentError `encrypted`, `type_mismatch`, `corrupt`, `no_text`, `too_large_uncompressed`.
 */
export async function extractDocx(bytes: Uint8Array): Promise<ExtractedDocument> {
  const html = await convertToHtml(await openOfficeArchive(bytes, DOCX));
  const markdown = convertHtmlToMarkdown(html);
  assertTextLength(markdown.length);
  const text = normalizeText(markdown);
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

async function convertToHtml(archive: Archive): Promise<string> {
  const file: MammothArchive = {
    // Only XML parts: so a style map inside the document, which could hide any part of it, is not found either.
    exists: (path) => archive.has(path),
    read: (path) => archive.read(path),
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
    throw error instanceof DocumentError ? error : archive.corrupt(error);
  }
}
