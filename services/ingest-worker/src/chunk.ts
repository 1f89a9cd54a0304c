import { CHARACTERS, type Ruler } from './chunk/ruler.ts';
import { readSections, type Section } from './chunk/sections.ts';
import { splitSection } from './chunk/split.ts';
import { createTokenRuler } from './chunk/tokens.ts';
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

/** How long chunks are. */
export interface ChunkOptions {
  /** Longest chunk: at least 2 characters or 16 tokens. */
  size: number;
  /** Most that a chunk repeats of the one before it; less than half of `size` is used. */
  overlap: number;
  /** UTF-16 code units unless given; for tokens see {@link createTokenRuler}. */
  unit?: 'characters' | 'tokens';
}

/** A character takes up to 4 tokens, and a chunk must hold some. */
const LEAST_SIZE = { characters: 2, tokens: 16 };

/** Longest white space between two chunks that is kept, in UTF-16 code units. */
const LONGEST_GAP = 16;

/**
 * Splits a document into passages for retrieval, in time linear in its length.
 *
 * Chunks have no white space at their ends and together hold every other character. They break at headings, else at
 * paragraphs, sentences, clauses, words or, in a run without any, characters. A fence, table or record that fits into
 * `size` is never torn; together with a heading or short paragraph before it, it may make a chunk of up to 1.25 times
 * `size`. A longer one is split at line ends.
 *
 * @throws RangeError when `size` or `overlap` makes no sense.
 */
export function chunkDocument(document: ExtractedDocument, options: ChunkOptions): TextChunk[] {
  return [...readChunks(document, options)];
}

/**
 * The chunks of {@link chunkDocument} as they are asked for: in tokens, 10 MiB of Chinese take 2 s together, and under
 * 0.1 s each.
 *
 * @throws RangeError when `size` or `overlap` makes no sense.
 */
export function* readChunks(
  document: ExtractedDocument,
  options: ChunkOptions,
): Generator<TextChunk, void, void> {
  assertOptions(options);
  const { text } = document;
  const ruler = options.unit === 'tokens' ? createTokenRuler(text) : CHARACTERS;
  const findPages = createPageFinder(document.pages);
  let index = 0;
  let previous = 0;
  for (const section of findSections(document, ruler, options.size)) {
    for (const { start, end } of splitSection(text, section, ruler, options)) {
      const gap = index === 0 ? '' : text.slice(previous, start);
      yield {
        index: index++,
        text: text.slice(start, end),
        start,
        end,
        ...(gap !== '' && gap.length <= LONGEST_GAP && { gap }),
        headings: section.headings,
        ...findPages(start, end),
      };
      previous = end;
    }
  }
}

function assertOptions({ size, overlap, unit = 'characters' }: ChunkOptions): void {
  if (!Number.isInteger(size) || size < LEAST_SIZE[unit])
    throw new RangeError(`chunk size must be an integer from ${LEAST_SIZE[unit]}, not ${size}`);
  if (!Number.isInteger(overlap) || overlap < 0 || overlap >= size) {
    throw new RangeError(`chunk overlap must be an integer from 0 below the size ${size}, not ${overlap}`);
  }
}

function findSections({ text, syntax }: ExtractedDocument, ruler: Ruler, size: number): Iterable<Section> {
  if (syntax === 'plain') return [{ start: 0, end: text.length, contentStart: 0, headings: [], blocks: [] }];
  return readSections(text, syntax, (start, end) => ruler.measure(start, end) <= size / 2);
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
