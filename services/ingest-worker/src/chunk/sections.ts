import { closesFence, isTableDelimiter, parseHeading, readFenceMark } from './markdown-lines.ts';

/** A stretch of text, in UTF-16 code units, `end` exclusive. */
export interface Range {
  start: number;
  end: number;
}

/** A part of a document under one heading. */
export interface Section extends Range {
  /** Where the headings that open the section end; equal to `start` without any. */
  contentStart: number;
  /** Titles of the headings above the text, outermost first. */
  headings: string[];
  /** What stays whole where it fits, in order: fences and tables, or records. */
  blocks: Range[];
}

/** A line from its first character that is not a blank. */
interface Line extends Range {
  indent: number;
}

const NEWLINE = 0x0a;
const HASH = 0x23;
const BACKTICK = 0x60;
const TILDE = 0x7e;

/** Finds the headings and blocks among the lines of a text. */
interface LineReader {
  readHeading(line: Line): ReturnType<typeof parseHeading>;
  /** Takes the next line; undefined for one or more blank ones, and for a heading. */
  read(line: Line | undefined, blocks: Range[]): void;
}

/**
 * Splits Markdown or records at their `#` headings. Headings without text of their own open the section that follows,
 * as long as `isShort` says so of them together; at the very end they stay with the text before them.
 */
export function* readSections(
  text: string,
  syntax: 'markdown' | 'records',
  isShort: (start: number, end: number) => boolean,
): Generator<Section> {
  const reader = syntax === 'markdown' ? new BlockReader(text) : readRecords(text);
  let path: { level: number; title: string }[] = [];
  let section = openSection(0);
  let held: Section | undefined;
  let hasContent = false;

  for (const line of readLines(text)) {
    const heading = line && reader.readHeading(line);
    if (!line || !heading) {
      hasContent ||= line !== undefined;
      reader.read(line, section.blocks);
      continue;
    }
    reader.read(undefined, section.blocks);
    if (hasContent || !isShort(section.start, line.end)) {
      if (held) yield held;
      held = section;
      held.end = line.start;
      section = openSection(line.start);
      hasContent = false;
    }
    path = [...path.filter(({ level }) => level < heading.level), heading];
    section.headings = path.map(({ title }) => title).filter((title) => title !== '');
    section.contentStart = line.end;
  }

  if (held && !hasContent) section = held;
  else if (held) yield held;
  section.end = text.length;
  yield section;
}

function openSection(start: number): Section {
  return { start, end: start, contentStart: start, headings: [], blocks: [] };
}

/** The lines of a text; undefined stands for one or more blank ones. */
function* readLines(text: string): Generator<Line | undefined> {
  let isAfterBlank = false;
  for (let lineStart = 0; lineStart < text.length;) {
    const start = skipIndent(text, lineStart);
    const isBlank = start === text.length || text.charCodeAt(start) === NEWLINE;
    const end = isBlank ? start : findLineEnd(text, start);
    if (!isBlank) yield { start, end, indent: start - lineStart };
    else if (!isAfterBlank) yield undefined;
    isAfterBlank = isBlank;
    lineStart = end + 1;
  }
}

function skipIndent(text: string, from: number): number {
  let at = from;
  for (let code = text.charCodeAt(at); code === 0x20 || code === 0x09; code = text.charCodeAt(at)) at++;
  return at;
}

function findLineEnd(text: string, from: number): number {
  const newline = text.indexOf('\n', from);
  return newline < 0 ? text.length : newline;
}

/** Takes each paragraph for a record. */
function readRecords(text: string): LineReader {
  let record: Range | undefined;
  return {
    readHeading: (line) => readHeadingAt(text, line),
    read(line, blocks) {
      if (!line) record = undefined;
      else if (record) record.end = line.end;
      else blocks.push((record = { start: line.start, end: line.end }));
    },
  };
}

function readHeadingAt(text: string, { start, end, indent }: Line): ReturnType<typeof parseHeading> {
  if (indent > 3 || text.charCodeAt(start) !== HASH) return undefined;
  return parseHeading(text.slice(start, end));
}

/** Collects fences and tables from the lines of a section. */
class BlockReader implements LineReader {
  readonly #text: string;
  #fence: { mark: string; range: Range } | undefined;
  #table: Range | undefined;
  #previous: Line | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  readHeading(line: Line): ReturnType<typeof parseHeading> {
    return this.#fence ? undefined : readHeadingAt(this.#text, line);
  }

  read(line: Line | undefined, blocks: Range[]): void {
    if (this.#fence) {
      if (line) this.#readFenced(line, this.#fence);
      return;
    }
    const mark = line && this.#readFenceMark(line);
    if (mark) {
      this.#fence = { mark, range: { start: line.start, end: line.end } };
      blocks.push(this.#fence.range);
    }
    if (!line || mark) this.#table = this.#previous = undefined;
    else this.#readTableRow(line, blocks);
  }

  #readFenceMark(line: Line): string | undefined {
    const first = this.#text.charCodeAt(line.start);
    return first === BACKTICK || first === TILDE ? readFenceMark(this.#slice(line)) : undefined;
  }

  #readFenced(line: Line, fence: { mark: string; range: Range }): void {
    fence.range.end = line.end;
    if (closesFence(this.#slice(line), fence.mark)) this.#fence = undefined;
  }

  #readTableRow(line: Line, blocks: Range[]): void {
    const { start, end } = line;
    if (this.#table && this.#slice(line).includes('|')) {
      this.#table.end = end;
    } else if (this.#previous && isTableDelimiter(this.#text, start, end)) {
      this.#table = undefined;
      if (this.#slice(this.#previous).includes('|')) {
        this.#table = { start: this.#previous.start, end };
        blocks.push(this.#table);
      }
    } else {
      this.#table = undefined;
    }
    this.#previous = line;
  }

  #slice({ start, end }: Range): string {
    return this.#text.slice(start, end);
  }
}
