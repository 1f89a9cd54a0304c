import { open } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileTypeFromFile } from 'file-type';
import type { DocumentType } from './contracts/knowledge.ts';
import { DocumentError } from './errors.ts';

/** The endings that are taken, in lower case, with what they stand for. */
export const TYPE_BY_ENDING: Readonly<Record<string, DocumentType>> = {
  '.pdf': 'pdf',
  '.docx': 'docx',
  '.pptx': 'pptx',
  '.xlsx': 'xlsx',
  '.epub': 'epub',
  '.html': 'html',
  '.htm': 'html',
  '.xhtml': 'html',
  '.csv': 'csv',
  '.tsv': 'csv',
  '.md': 'markdown',
  '.markdown': 'markdown',
  '.txt': 'text',
};

const TYPE_NAMES: Record<DocumentType, string> = {
  pdf: 'a PDF',
  docx: 'a Word document (.docx)',
  pptx: 'a PowerPoint presentation (.pptx)',
  xlsx: 'an Excel workbook (.xlsx)',
  epub: 'an EPUB book',
  html: 'an HTML page',
  csv: 'a CSV table',
  markdown: 'Markdown',
  text: 'plain text',
};

/** Bytes of the start of a file that are looked at for signatures, NUL and control characters. */
const HEAD_BYTES = 64 * 1024;

/** Adobe's viewers accept a header within the first 1,024 bytes, and files with leading junk are common. */
const PDF_HEADER_BYTES = 1024;

/** Formats whose bytes are readable characters, so that looking for binary data does not catch them. */
const TEXT_LIKE_FORMATS = new Set(['pdf', 'rtf', 'ps', 'eps']);

/** How a web page begins, which is often what a download link gives instead of the table. */
const STARTS_LIKE_HTML = /^(?:\u00ef\u00bb\u00bf)?\s*<(?:!doctype\s+html|html)\b/i;

/**
 * The type that a file name stands for, by its ending in any case.
 *
 * @throws DocumentError `unsupported_type`, with the list of supported endings.
 */
export function documentTypeOf(filename: string): DocumentType {
  const ending = extname(filename.trim()).toLowerCase();
  const type = Object.hasOwn(TYPE_BY_ENDING, ending) ? TYPE_BY_ENDING[ending] : undefined;
  if (type) return type;
  const given = ending ? `Files ending in ${ending}` : 'Files without an ending';
  throw new DocumentError(
    'unsupported_type',
    `${given} are not supported. Upload a PDF (.pdf), a document, presentation or workbook (.docx, .pptx, .xlsx), a book (.epub), a web page (.html, .htm), a table (.csv, .tsv), Markdown (.md, .markdown) or plain text (.txt).`,
  );
}

/**
 * Checks that the content of a local file is of the type that its name stands for.
 *
 * Reads the first 64 KiB, and for a format that is a zip archive also its headers and `[Content_Types].xml` (file-type,
 * up to 1,024 entries and 1 MiB inflated). It needs random access to a local file: a gateway with a remote blob store
 * checks its temporary copy before it stores it. An OLE container passes as an Office format, because an encrypted one
 * is such a container; the extractor tells it from a legacy .doc, .ppt or .xls.
 *
 * @throws DocumentError `empty` for 0 bytes, `type_mismatch` for other content.
 */
export async function checkContent(type: DocumentType, path: string): Promise<void> {
  const head = await readHead(path);
  if (head.length === 0) {
    throw new DocumentError('empty', 'The file is empty (0 bytes). Check the original and upload it again.');
  }
  switch (type) {
    case 'pdf':
      return await checkPdf(head, path);
    case 'docx':
    case 'pptx':
    case 'xlsx':
    case 'epub':
      return await checkArchive(type, head, path);
    default:
      return await checkText(type, head, path);
  }
}

async function readHead(path: string): Promise<Buffer> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
  return buffer.subarray(0, bytesRead);
}

async function checkPdf(head: Buffer, path: string): Promise<void> {
  const header = head.subarray(0, PDF_HEADER_BYTES).indexOf('%PDF-');
  if (header === 0) return;
  const format = await detectFormat(path);
  if (header === -1 || format) throw mismatch('pdf', format);
}

/** file-type says `zip` where it could not tell what the archive is, and `cfb` for an OLE container. */
async function checkArchive(
  type: 'docx' | 'pptx' | 'xlsx' | 'epub',
  head: Buffer,
  path: string,
): Promise<void> {
  const format = await detectFormat(path);
  const isEncryptedOffice = format === 'cfb' && type !== 'epub';
  const isArchive = head.indexOf('PK') === 0 && (!format || format === 'zip' || format === type);
  if (!isArchive && !isEncryptedOffice) throw mismatch(type, format);
}

async function checkText(type: DocumentType, head: Buffer, path: string): Promise<void> {
  if (hasWideBom(head)) return;
  if (head.includes(0)) throw mismatch(type, await detectFormat(path));
  const format = await detectFormat(path);
  // file-type takes any text that begins with "BM" for a bitmap, so a guess counts only with control characters.
  if (format && (TEXT_LIKE_FORMATS.has(format) || hasControlCharacters(head))) throw mismatch(type, format);
  const start = head.toString('latin1');
  if (type === 'csv' && STARTS_LIKE_HTML.test(start)) throw mismatch('csv', 'html');
  if (type === 'html' && !/<[a-z!?]/i.test(start)) throw mismatch('html', undefined);
}

/** The ending that file-type gives to the content; undefined where it knows none or stumbles over hostile bytes. */
async function detectFormat(path: string): Promise<string | undefined> {
  const detected = await fileTypeFromFile(path).catch(() => undefined);
  return detected?.ext;
}

function hasWideBom(head: Buffer): boolean {
  return ['fffe', 'feff', '0000feff'].some((bom) => head.toString('hex', 0, 4).startsWith(bom));
}

function hasControlCharacters(head: Buffer): boolean {
  // Tab, line feed, vertical tab, form feed, carriage return and escape occur in text.
  return head.some((byte) => byte < 0x20 && !(byte >= 0x09 && byte <= 0x0d) && byte !== 0x1b);
}

function mismatch(type: DocumentType, format: string | undefined): DocumentError {
  const found = format ? `its content is ${format.toUpperCase()}` : `its content is something else`;
  return new DocumentError(
    'type_mismatch',
    `The name says ${TYPE_NAMES[type]}, but ${found}. Give the file the ending that fits it, or save it as ${TYPE_NAMES[type]} and upload that.`,
  );
}
