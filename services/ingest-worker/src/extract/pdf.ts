import { fileURLToPath } from 'node:url';
import { DocumentError } from '@sluice/shared/errors';
import { getDocumentProxy } from 'unpdf';
import type { ExtractedDocument, PageSpan } from './document.ts';
import { assertTextLength, isBlank, normalizeText } from './normalize.ts';
import { buildLines } from './pdf-lines.ts';
import { joinLines } from './pdf-paragraphs.ts';

type PdfDocument = Awaited<ReturnType<typeof getDocumentProxy>>;
type PdfPage = Awaited<ReturnType<PdfDocument['getPage']>>;

const PDFJS_DIST = import.meta.resolve('pdfjs-dist/package.json');

/** pdf.js reads these with `fs.readFile`, which takes a path and not the text of a file URL. */
function pathInPdfjs(folder: string): string {
  return fileURLToPath(new URL(`./${folder}/`, PDFJS_DIST));
}

const OPTIONS = {
  cMapUrl: pathInPdfjs('cmaps'),
  cMapPacked: true,
  standardFontDataUrl: pathInPdfjs('standard_fonts'),
  // Text needs no pixels: images above this many are not decoded, XFA and web fonts never.
  maxImageSize: 1024 * 1024,
  disableFontFace: true,
  useSystemFonts: false,
  enableXfa: false,
  useWorkerFetch: false,
  useWasm: false,
  verbosity: 0,
};

/**
 * Extracts a PDF page by page, so that memory stays bounded by one page. Values of form fields follow the text of
 * their page. Pages that pdf.js cannot read are left out, unless they outnumber the pages with text.
 *
 * @throws DocumentError `encrypted` (a password is needed to open it; an owner password alone is no obstacle),
 * `corrupt`, `no_text`, `too_large_uncompressed`.
 */
export async function extractPdf(bytes: Uint8Array): Promise<ExtractedDocument> {
  const pdf = await openPdf(bytes);
  try {
    return await collectPages(pdf);
  } finally {
    await pdf.loadingTask.destroy();
  }
}

async function collectPages(pdf: PdfDocument): Promise<ExtractedDocument> {
  const values = await readFieldValues(pdf);
  const pages: PageSpan[] = [];
  let text = '';
  let unreadable = 0;
  for (let number = 1; number <= pdf.numPages; number++) {
    const body = await readPage(pdf, number).catch(() => undefined);
    if (body === undefined) unreadable++;
    const pageText = normalizeText([body, ...(values.get(number) ?? [])].filter(Boolean).join('\n\n'));
    if (isBlank(pageText)) continue;
    if (text) text += '\n\n';
    pages.push({ page: number, start: text.length, end: text.length + pageText.length });
    text += pageText;
    assertTextLength(text.length);
  }
  if (unreadable > pages.length) throw corrupt();
  if (!text) throw noText(pdf.numPages);
  return { text, syntax: 'plain', pages, pageCount: pdf.numPages };
}

async function openPdf(bytes: Uint8Array): Promise<PdfDocument> {
  try {
    return await getDocumentProxy(bytes, OPTIONS);
  } catch (error) {
    if (error instanceof Error && error.name === 'PasswordException') {
      throw new DocumentError(
        'encrypted',
        'The PDF needs a password to be opened. Save a copy without password protection and upload that.',
        { cause: error },
      );
    }
    throw corrupt(error);
  }
}

async function readPage(pdf: PdfDocument, number: number): Promise<string> {
  const page = await pdf.getPage(number);
  try {
    return joinLines(buildLines(await readRuns(page)));
  } finally {
    page.cleanup();
  }
}

async function readRuns(page: PdfPage) {
  const { items, styles } = await page.getTextContent();
  return items
    .filter((item) => 'str' in item)
    .map((item) => ({ ...item, vertical: styles[item.fontName]?.vertical ?? false }));
}

/** Visible values of text and choice fields, by page number. */
async function readFieldValues(pdf: PdfDocument): Promise<Map<number, string[]>> {
  const fields = (await pdf.getFieldObjects().catch(() => null)) ?? {};
  const values = new Map<number, string[]>();
  for (const field of Object.values(fields).flat() as FormField[]) {
    const isText = field.type === 'text' || field.type === 'combobox' || field.type === 'listbox';
    if (!isText || field.password || field.hidden || field.page === undefined) continue;
    const value = [field.value].flat().filter((each) => typeof each === 'string' && each.trim() !== '');
    if (value.length === 0) continue;
    values.set(field.page + 1, [...(values.get(field.page + 1) ?? []), value.join(', ')]);
  }
  return values;
}

/** The parts of a field object of pdf.js (untyped there) that are used here. */
interface FormField {
  type?: string;
  value?: unknown;
  /** Zero-based. */
  page?: number;
  password?: boolean;
  hidden?: boolean;
}

function corrupt(cause?: unknown): DocumentError {
  return new DocumentError(
    'corrupt',
    'The PDF is damaged and could not be read. Open it in a PDF viewer, save it again, and upload the new file.',
    { cause },
  );
}

function noText(pageCount: number): DocumentError {
  const pages = pageCount === 1 ? 'Its page holds' : `Its ${pageCount} pages hold`;
  return new DocumentError(
    'no_text',
    `The PDF has no text. ${pages} only images or drawings; run text recognition (OCR) over it and upload the result, or let Sluice do so (setting OCR_LANGUAGES).`,
  );
}
