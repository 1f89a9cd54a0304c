import { DocumentError } from '@sluice/shared/errors';
import type { ExtractedDocument, PageSpan } from './document.ts';
import { assertTextLength, isBlank, normalizeText } from './normalize.ts';
import { countPages, recognizePage } from './ocr-tools.ts';
import { joinWrapped } from './pdf-paragraphs.ts';
import type { Extractor } from './pool.ts';
import type { ProcessLimits } from './watch-limits.ts';

/** How text recognition works. */
export interface OcrOptions extends ProcessLimits {
  /** As tesseract names them, such as `eng+chi_sim`. */
  languages: string;
  /** Pages that are recognized at most in one document. */
  maxPages: number;
}

/** Share of the longest line of a paragraph that a line fills unless it ends on purpose. */
const FULL_LINE = 0.7;

/** Spaces that tesseract puts between the characters of Chinese and Japanese. */
const SPACED_CJK =
  /(?<=[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3001-\u303f\uff01-\uff65]) +(?=[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3001-\u303f\uff01-\uff65])/gu;

/**
 * Adds text recognition to an extractor: the pages of a PDF that hold no text are drawn by pdftoppm and read by
 * tesseract, a page at a time, each program under the limits. It reads the file outside of the extraction child, which
 * may start no program.
 *
 * The extractor given is disposed of with this one.
 */
export function withOcr(extractor: Extractor, options: OcrOptions): Extractor {
  return {
    async extract(path, type, { signal } = {}) {
      const extraction = extractor.extract(path, type, signal && { signal });
      if (type !== 'pdf') return await extraction;
      const extracted = await extraction.catch((error: unknown) => {
        if (error instanceof DocumentError && error.code === 'no_text') return undefined;
        throw error;
      });
      return await addRecognized(extracted, path, options, signal);
    },
    [Symbol.asyncDispose]: () => extractor[Symbol.asyncDispose](),
  };
}

async function addRecognized(
  extracted: ExtractedDocument | undefined,
  path: string,
  options: OcrOptions,
  signal: AbortSignal | undefined,
): Promise<ExtractedDocument> {
  const pageCount = extracted?.pageCount ?? (await countPages(path, { ...options, signal })) ?? 0;
  const texts = new Map(
    extracted?.pages.map(({ page, start, end }) => [page, extracted.text.slice(start, end)]),
  );
  const blank = Array.from({ length: pageCount }, (_, i) => i + 1).filter((page) => !texts.has(page));
  if (blank.length > options.maxPages) {
    if (extracted) return extracted;
    throw tooManyPages(blank.length, options);
  }
  for (const page of blank) {
    const text = await readPage(path, page, options, signal);
    if (!isBlank(text)) texts.set(page, text);
  }
  if (texts.size === 0) throw nothingRecognized(options);
  return { ...joinPages(texts), syntax: 'plain', pageCount };
}

/** The text of a page; '' where it cannot be drawn, as pages that cannot be read are left out elsewhere. */
async function readPage(
  path: string,
  page: number,
  options: OcrOptions,
  signal: AbortSignal | undefined,
): Promise<string> {
  const result = await recognizePage(path, page, options.languages, { ...options, signal });
  if (result.kind === 'exceeded') throw pageTooLarge(page, result.limit, options);
  return result.kind === 'done' ? normalizeText(tidyRecognized(result.output.toString())) : '';
}

/** Joins the lines of paragraphs as those of other PDFs are, and the characters of Chinese. */
function tidyRecognized(output: string): string {
  const paragraphs = output
    .replaceAll('\f', '')
    .replace(SPACED_CJK, '')
    .split(/\n\s*\n/);
  return paragraphs.map(joinParagraph).filter(Boolean).join('\n\n');
}

function joinParagraph(paragraph: string): string {
  const lines = paragraph
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  const longest = lines.reduce((length, line) => Math.max(length, line.length), 0);
  let text = '';
  for (const [index, line] of lines.entries()) {
    const previous = lines[index - 1] ?? '';
    const isFull = previous.length >= FULL_LINE * longest;
    text = index === 0 ? line : (isFull ? joinWrapped(text, line) : `${text}\n`) + line;
  }
  return text;
}

function joinPages(texts: ReadonlyMap<number, string>): { text: string; pages: PageSpan[] } {
  const pages: PageSpan[] = [];
  let text = '';
  for (const [page, pageText] of [...texts].toSorted(([a], [b]) => a - b)) {
    if (text) text += '\n\n';
    pages.push({ page, start: text.length, end: text.length + pageText.length });
    text += pageText;
    assertTextLength(text.length);
  }
  return { text, pages };
}

function nothingRecognized({ languages }: OcrOptions): DocumentError {
  return new DocumentError(
    'no_text',
    `The PDF has no text, and text recognition (${languages}) found none in its images either. Upload a sharper scan.`,
  );
}

function tooManyPages(pages: number, { maxPages }: OcrOptions): DocumentError {
  return new DocumentError(
    'resource_limit',
    `The PDF has ${pages} pages without text, and text recognition is limited to ${maxPages} (OCR_MAX_PAGES). Split it into smaller parts and upload those.`,
  );
}

function pageTooLarge(
  page: number,
  limit: 'timeout' | 'rss',
  { timeoutMs, rssMb }: OcrOptions,
): DocumentError {
  const most = limit === 'timeout' ? `${timeoutMs / 1000} seconds` : `${rssMb} MB`;
  return new DocumentError(
    'resource_limit',
    `Recognizing the text of page ${page} needs more than the ${most} allowed. Scan the page again at a lower resolution, and upload the new file.`,
  );
}
