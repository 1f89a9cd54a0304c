import { assertTextLength } from './normalize.ts';

/** A cell that is not empty. */
export interface Cell {
  /** From 0. */
  column: number;
  /** On one line. */
  text: string;
}

/** A cell with its text on one line; undefined when it is empty. */
export function readCell(column: number, text: string): Cell | undefined {
  const line = text.replace(/\s+/g, ' ').trim();
  return line === '' ? undefined : { column, text: line };
}

/** The cells of a row that are not empty. */
export function readCells(texts: readonly string[]): Cell[] {
  const cells: Cell[] = [];
  for (const [column, text] of texts.entries()) {
    const cell = text === '' ? undefined : readCell(column, text);
    if (cell) cells.push(cell);
  }
  return cells;
}

/** Takes a table row by row. */
export interface RecordWriter {
  /**
   * Takes the cells of the next row, in the order of their columns.
   *
   * @throws DocumentError `too_large_uncompressed`
   */
  add(cells: readonly Cell[]): void;
  /** The records and titles, separated by blank lines; '' for an empty table. */
  finish(): string;
}

/** Longer texts in the first row are content rather than the name of a column, which every record repeats. */
const LONGEST_NAME = 100;
const NUMBER = /^[-+]?[\d.,\s%]+$/;
/** A number that names a column. */
const YEAR = /^(?:19|20)\d\d$/;
const LOOKS_LIKE_HEADING = /^(?=#{1,6} )/gm;

/**
 * Writes a table as one record per row, `name: value` on a line for each cell that is not empty, so that a row is found
 * by the names of its columns and a passage that begins anywhere shows them. Rows of one cell above the first row of
 * several are titles. Where that row does not name the columns, the cells of a row are joined by ` | `.
 */
export function createRecordWriter(): RecordWriter {
  const blocks: string[] = [];
  let length = 0;
  let names: ReadonlyMap<number, string> | undefined;
  /** The first row of several cells, until the next row tells whether it is one of names. */
  let first: readonly Cell[] | undefined;
  let isFirstRead = false;

  function write(block: string): void {
    length += block.length + 2;
    assertTextLength(length);
    blocks.push(block.replace(LOOKS_LIKE_HEADING, '\\'));
  }

  return {
    add(cells) {
      if (cells.length === 0) return;
      if (first && !isFirstRead) {
        isFirstRead = true;
        if (areNames(first)) names = new Map(first.map(({ column, text }) => [column, text]));
        else write(joinCells(first));
      }
      if (!first && cells.length > 1) first = cells;
      else write(names ? renderRecord(cells, names) : joinCells(cells));
    },
    finish() {
      if (first && !isFirstRead) write(joinCells(first));
      return blocks.join('\n\n');
    },
  };
}

/** Names are short texts, most of them different ones. */
function areNames(cells: readonly Cell[]): boolean {
  const isName = ({ text }: Cell): boolean =>
    text.length <= LONGEST_NAME && (!NUMBER.test(text) || YEAR.test(text));
  return cells.every(isName) && new Set(cells.map(({ text }) => text)).size > cells.length / 2;
}

function renderRecord(cells: readonly Cell[], names: ReadonlyMap<number, string>): string {
  const lines = cells.map(({ column, text }) => {
    const name = names.get(column);
    return name === undefined ? text : `${name}: ${text}`;
  });
  return lines.join('\n');
}

function joinCells(cells: readonly Cell[]): string {
  return cells.map(({ text }) => text).join(' | ');
}
