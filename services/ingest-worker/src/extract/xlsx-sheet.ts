import { assertTextLength } from './normalize.ts';
import { type Cell, readCell } from './table-records.ts';
import type { CellStyle } from './xlsx-numbers.ts';
import { readXml } from './xml.ts';

/** What the cells of a sheet refer to. */
export interface SheetContext {
  /** Shared texts by number. */
  strings: readonly string[];
  /** Styles by number. */
  styles: readonly CellStyle[];
  /** The text of a number in a style. */
  show(value: string, style: CellStyle | undefined): string;
}

/** Cells that are merged: rows and columns from 0, both ends included. */
interface Merge {
  top: number;
  bottom: number;
  left: number;
}

/** Cells that merges may fill, as many as a sheet of 10,000 rows and 20 such columns has. */
const MAX_FILLED = 200_000;

/**
 * The rows of a sheet that have cells. A cell that is merged over several rows counts for each of them that has
 * others, so that every record has it.
 *
 * @throws DocumentError `corrupt`, `too_large_uncompressed`
 */
export function readSheet(xml: string, context: SheetContext): Cell[][] {
  const rows = new Map<number, Cell[]>();
  const merges: Merge[] = [];
  let row: Cell[] = [];
  let rowNumber = -1;
  let column = -1;
  let cell: Record<string, string> = {};
  let value = '';
  let isValue = false;
  let length = 0;

  readXml(xml, {
    open(tag, attributes) {
      switch (tag) {
        case 'row':
          rowNumber = readNumber(attributes['r'], rowNumber + 2) - 1;
          row = rows.get(rowNumber) ?? [];
          rows.set(rowNumber, row);
          column = -1;
          break;
        case 'c':
          cell = attributes;
          column = readColumn(attributes['r']) ?? column + 1;
          value = '';
          break;
        case 'v':
        case 't':
          isValue = true;
          break;
        case 'mergeCell':
          merges.push(...readMerge(attributes['ref']));
          break;
      }
    },
    text(text) {
      if (isValue) value += text;
    },
    close(tag) {
      if (tag === 'v' || tag === 't') isValue = false;
      else if (tag === 'c' && value !== '') {
        const shown = readCell(column, showValue(cell, value, context));
        if (!shown) return;
        row.push(shown);
        // A text that many cells share grows with each of them.
        length += shown.text.length;
        assertTextLength(length);
      }
    },
  });
  fillMerges(rows, merges);
  return [...rows.values()];
}

function showValue({ t: type, s }: Record<string, string>, value: string, context: SheetContext): string {
  switch (type) {
    case 's':
      return context.strings[Number(value)] ?? '';
    case 'b':
      return value === '1' ? 'TRUE' : 'FALSE';
    case 'str':
    case 'inlineStr':
    case 'e':
    case 'd':
      return value;
    default:
      return context.show(value, context.styles[Number(s ?? 0)]);
  }
}

function fillMerges(rows: Map<number, Cell[]>, merges: readonly Merge[]): void {
  let filled = 0;
  for (const { top, bottom, left } of merges) {
    const cell = rows.get(top)?.find(({ column }) => column === left);
    if (!cell) continue;
    for (let number = top + 1; number <= bottom && filled < MAX_FILLED; number++, filled++) {
      const row = rows.get(number);
      const isRecord = row !== undefined && row.length > 0;
      if (isRecord && row.every(({ column }) => column !== left)) insert(row, cell);
    }
  }
}

function insert(row: Cell[], cell: Cell): void {
  const at = row.findIndex(({ column }) => column > cell.column);
  row.splice(at < 0 ? row.length : at, 0, cell);
}

/** Of `A2:A7`; nothing for a merge within one row. */
function readMerge(ref = ''): Merge[] {
  const [, letters, top, bottom] = /^([A-Z]{1,3})(\d{1,7}):[A-Z]{1,3}(\d{1,7})$/.exec(ref) ?? [];
  const left = readColumn(`${letters}${top}`);
  return left === undefined || top === bottom
    ? []
    : [{ top: Number(top) - 1, bottom: Number(bottom) - 1, left }];
}

/** The column of a reference such as `AB12`, from 0. */
function readColumn(ref = ''): number | undefined {
  const letters = /^[A-Z]{1,3}(?=\d)/.exec(ref)?.[0];
  if (!letters) return undefined;
  return letters.split('').reduce((column, letter) => column * 26 + letter.charCodeAt(0) - 64, 0) - 1;
}

function readNumber(value: string | undefined, otherwise: number): number {
  const number = Number(value);
  return Number.isInteger(number) && number > 0 ? number : otherwise;
}
