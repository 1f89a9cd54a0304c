import { readSections, type Section } from './chunk/sections.ts';
import { splitSection } from './chunk/split.ts';
import type { ExtractedDocument, PageSpan } from './extract/document.ts';

/** A passage of a document. Offsets are UTF-16 code units: `text === document.text.slice(start, end)`. */
export interface TextChunk {
  /** Position among the chunks of the document, from 0. */
  index: number;
  text: string;
  start: number;
  end: number;
  /** White space between the chunk before and this one; absent where they touch or overlap, or lie far apart. */
  gap?: string;
  /** First and last page that the chunk touches, from 1; absent where the format has no pages. */
  page?: number;
  pageEnd?: number;
  /** Titles of the headings above the chunk, outermost first. */
  headings: string[];
}

/** Lengths in UTF-16 code units. */
export interface ChunkOptions {
  /** Longest chunk, at least 2. */
  size: number;
  /** Most that a chunk repeats of the one before it; less than half of `size` is used. */
  overlap: number;
}

/** Longest white space between two chunks that is kept, in UTF-16 code units. */
const LONGEST_GAP = 16;

/**
 * Splits a document into passages for retrieval, in time linear in its length.
 *
 * Chunks have no white space at their ends and together hold every other character. They break at headings, else at
 * paragraphs, sentences, clauses, words or, in a run without any, characters. A fence or table that fits into `size`
 * is never torn; together with a heading or short paragraph before it, it may make a chunk of up to 1.25 times `size`.
 * A longer one is split at line ends.
 *
 * @throws RangeError when `size` or `overlap` makes no sense.
 */
export function chunkDocument(document: ExtractedDocument, options: ChunkOptions): TextChunk[] {
  assertOptions(options);
  const { text } = document;
  const findPages = createPageFinder(document.pages);
  const chunks: TextChunk[] = [];
  for (const section of findSections(document, options.size)) {
    for (const { start, end } of splitSection(text, section, options)) {
      const gap = text.slice(chunks.at(-1)?.end ?? start, start);
      const chunk = {
        index: chunks.length,
        text: text.slice(start, end),
        start,
        end,
        ...(gap !== '' && gap.length <= LONGEST_GAP && { gap }),
        headings: section.headings,
      };
      chunks.push({ ...chunk, ...findPages(start, end) });
    }
  }
  return chunks;
}

function assertOptions({ size, overlap }: ChunkOptions): void {
  if (!Number.isInteger(size) || size < 2)
    throw new RangeError(`chunk size must be an integer from 2, not ${size}`);
  if (!Number.isInteger(overlap) || overlap < 0 || overlap >= size) {
    throw new RangeError(`chunk overlap must be an integer from 0 below the size ${size}, not ${overlap}`);
  }
}

function findSections({ text, syntax }: ExtractedDocument, size: number): Iterable<Section> {
  if (syntax === 'markdown') return readSections(text, size / 2);
  return [{ start: 0, end: text.length, contentStart: 0, headings: [], blocks: [] }];
}

/** Finds the pages of chunks that come in order. */
function createPageFinder(pages: readonly PageSpan[]): (start: number, end: number) => PageNumbers {
  let first = 0;
  return (start, end) => {
    while ((pages[first]?.end ?? Infinity) <= start) first++;
    let last = first;
    while ((pages[last + 1]?.start ?? Infinity) < end) last++;
    const from = pages[first];
    const to = pages[last];
    return from && to && from.start < end ? { page: from.page, pageEnd: to.page } : {};
  };
}

type PageNumbers = Pick<TextChunk, 'page' | 'pageEnd'>;
