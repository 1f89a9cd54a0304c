/** What an open element collects until it closes. */
export interface Frame {
  tag: string;
  /** Finished blocks: paragraphs, lists, tables, rows or cells, by the kind of the element. */
  blocks: string[];
  /** The line that is being written. */
  inline: string;
  /** Number of the next item of an ordered list. */
  item: number;
  attributes: Record<string, string>;
}

/** A line that begins like Markdown structure, while it is only text. */
const LOOKS_LIKE_STRUCTURE = /^(?=#{1,6} |```|~~~|\|)/gm;

/** The HTML standard allows 1,000, which no table has. */
const MAX_COLSPAN = 20;

export function createFrame(tag: string, attributes: Record<string, string>): Frame {
  return { tag, blocks: [], inline: '', item: 1, attributes };
}

/** Makes a block of the line that is being written. */
export function flushInline(frame: Frame): void {
  if (frame.inline === '') return;
  const text = frame.tag === 'pre' ? frame.inline.replace(/^\n|\s+$/g, '') : tidyText(frame.inline);
  frame.inline = '';
  if (text.trim()) frame.blocks.push(text);
}

function tidyText(text: string): string {
  return escapeStructure(
    text
      .replace(/[^\S\n]+/g, ' ')
      .replace(/ ?\n ?/g, '\n')
      .trim(),
  );
}

/** Marks text that would read as a heading, fence or table as the text that it is. */
export function escapeStructure(text: string): string {
  return text.replace(LOOKS_LIKE_STRUCTURE, '\\');
}

/** The Markdown of a finished element. */
export function renderBlock(frame: Frame, parent: Frame): string {
  switch (frame.tag) {
    case 'li':
      return renderItem(frame, parent);
    case 'ul':
    case 'ol':
    case 'p':
    case 'caption':
      return frame.blocks.join('\n');
    case 'td':
    case 'th':
      return ` ${flattenCell(frame.blocks)}${' |'.repeat(readColspan(frame.attributes['colspan']))}`;
    case 'tr':
      return frame.blocks.length > 0 ? `|${frame.blocks.map(asCell).join('')}` : '';
    case 'table':
      return renderTable(frame.blocks);
    case 'pre':
      return renderFence(frame.blocks.join('\n'));
    case 'main':
    case 'layout':
      return frame.blocks.join('\n\n');
    default:
      return frame.blocks.length > 0
        ? `${'#'.repeat(Number(frame.tag[1]))} ${flattenLine(frame.blocks)}`
        : '';
  }
}

function readColspan(value = '1'): number {
  return Math.min(Math.max(Number.parseInt(value, 10) || 1, 1), MAX_COLSPAN);
}

/** Text that stands in a row but in no cell gets one. */
function asCell(block: string): string {
  return block.startsWith(' ') ? block : ` ${flattenCell([block])} |`;
}

function renderItem(frame: Frame, parent: Frame): string {
  if (frame.blocks.length === 0) return '';
  const isNote = /^(?:footnote|endnote)-/.test(frame.attributes['id'] ?? '');
  const number = parent.item++;
  const bullet = parent.tag === 'ol' ? `${number}. ` : '- ';
  const marker = isNote ? `[^${number}]: ` : bullet;
  return marker + frame.blocks.join('\n').replaceAll('\n', '\n' + ' '.repeat(isNote ? 4 : marker.length));
}

/** Text that stands between the rows comes before them. */
function renderTable(blocks: string[]): string {
  const rows = blocks.filter((block) => block.startsWith('|'));
  const [first, ...rest] = rows;
  const table = first === undefined ? [] : [[first, renderRule(first), ...rest].join('\n')];
  return [...blocks.filter((block) => !block.startsWith('|')), ...table].join('\n\n');
}

function renderRule(row: string): string {
  let columns = -1;
  for (let at = row.indexOf('|'); at >= 0; at = row.indexOf('|', at + 1)) {
    if (row.charAt(at - 1) !== '\\') columns++;
  }
  return `|${' --- |'.repeat(columns)}`;
}

/** Between marks that are longer than any within the text. */
function renderFence(text: string): string {
  if (text === '') return '';
  const longest = (text.match(/`{3,}/g) ?? []).reduce((length, run) => Math.max(length, run.length), 2);
  const mark = '`'.repeat(longest + 1);
  return `${mark}\n${text}\n${mark}`;
}

/** A row of a Markdown table is one line; a table inside a cell gives its cells separated by spaces. */
function flattenCell(blocks: string[]): string {
  const isRule = (line: string): boolean => /^\|(?: --- \|)+$/.test(line);
  const lines = blocks.flatMap((block) => block.split('\n')).filter((line) => !isRule(line));
  return lines
    .map((line) => (line.startsWith('| ') ? line.replaceAll(' | ', ' ').replace(/^\| | \|$/g, '') : line))
    .join(' ')
    .replace(/(?<!\\)\|/g, '\\|');
}

function flattenLine(blocks: string[]): string {
  return blocks.join(' ').replaceAll('\n', ' ');
}
