import { Parser } from 'htmlparser2';

/** What an open element collects until it closes. */
interface Frame {
  tag: string;
  /** Finished blocks: paragraphs, lists, tables, rows or cells, by the kind of the element. */
  blocks: string[];
  /** The line that is being written. */
  inline: string;
  /** Number of the next item of an ordered list. */
  item: number;
  attributes: Record<string, string>;
}

const BLOCKS = new Set([
  'p',
  'h1',
  'h2',
  'h3',
  'h4',
  'h5',
  'h6',
  'ul',
  'ol',
  'li',
  'table',
  'tr',
  'td',
  'th',
]);

/** A line that begins like Markdown structure, while it is only text. */
const LOOKS_LIKE_STRUCTURE = /^(?=#{1,6} |```|~~~|\|)/gm;

/**
 * Turns the HTML that mammoth writes into Markdown: headings as `#`, lists, tables as pipe rows, footnotes as
 * `[^1]` with their text at the end. Emphasis and links keep their words only, since marks are noise in search.
 */
export function convertHtmlToMarkdown(html: string): string {
  const root = createFrame('root', {});
  const stack: Frame[] = [root];
  const top = (): Frame => stack.at(-1) ?? root;
  const parser = new Parser({
    onopentag(tag, attributes) {
      if (BLOCKS.has(tag)) stack.push(createFrame(tag, attributes));
      else if (tag === 'br') top().inline += '\n';
      else if (tag === 'a' && isNoteLink(attributes)) stack.push(createFrame('note', attributes));
      else if (tag === 'input') top().inline += 'checked' in attributes ? '[x] ' : '[ ] ';
    },
    ontext(text) {
      top().inline += text;
    },
    onclosetag(tag) {
      const frame = top();
      if (tag === 'a' && frame.tag === 'note') closeNoteLink(stack);
      else if (frame.tag === tag && stack.length > 1) closeBlock(stack);
    },
  });
  parser.end(html);
  flushInline(root);
  return root.blocks.join('\n\n');
}

function createFrame(tag: string, attributes: Record<string, string>): Frame {
  return { tag, blocks: [], inline: '', item: 1, attributes };
}

/** Links between a text and its notes: `#footnote-1` there, `#footnote-ref-1` ("↑") back. */
function isNoteLink(attributes: Record<string, string>): boolean {
  return /^#(?:footnote|endnote)-/.test(attributes['href'] ?? '');
}

function closeNoteLink(stack: Frame[]): void {
  const link = stack.pop();
  const parent = stack.at(-1);
  const label = /\d+/.exec(link?.inline ?? '')?.[0];
  if (parent && label) parent.inline += `[^${label}]`;
}

function closeBlock(stack: Frame[]): void {
  const frame = stack.pop();
  const parent = stack.at(-1);
  if (!frame || !parent) return;
  flushInline(frame);
  flushInline(parent);
  const block = renderBlock(frame, parent);
  if (block !== '') parent.blocks.push(block);
}

function flushInline(frame: Frame): void {
  const text = frame.inline
    .replace(/[^\S\n]+/g, ' ')
    .replace(/ ?\n ?/g, '\n')
    .trim();
  frame.inline = '';
  if (text) frame.blocks.push(text.replace(LOOKS_LIKE_STRUCTURE, '\\'));
}

function renderBlock(frame: Frame, parent: Frame): string {
  switch (frame.tag) {
    case 'li':
      return renderItem(frame, parent);
    case 'ul':
    case 'ol':
      return frame.blocks.join('\n');
    case 'td':
    case 'th':
      return ` ${flattenCell(frame.blocks)}${' |'.repeat(Number(frame.attributes['colspan'] ?? 1))}`;
    case 'tr':
      return frame.blocks.length > 0 ? `|${frame.blocks.join('')}` : '';
    case 'table':
      return renderTable(frame.blocks);
    case 'p':
      return frame.blocks.join('\n');
    default:
      return frame.blocks.length > 0
        ? `${'#'.repeat(Number(frame.tag[1]))} ${flattenLine(frame.blocks)}`
        : '';
  }
}

function renderItem(frame: Frame, parent: Frame): string {
  if (frame.blocks.length === 0) return '';
  const isNote = /^(?:footnote|endnote)-/.test(frame.attributes['id'] ?? '');
  const number = parent.item++;
  const bullet = parent.tag === 'ol' ? `${number}. ` : '- ';
  const marker = isNote ? `[^${number}]: ` : bullet;
  return marker + frame.blocks.join('\n').replaceAll('\n', '\n' + ' '.repeat(isNote ? 4 : marker.length));
}

function renderTable(rows: string[]): string {
  const [first, ...rest] = rows;
  if (first === undefined) return '';
  const columns = first.replaceAll('\\|', '').split('|').length - 2;
  return [first, `|${' --- |'.repeat(columns)}`, ...rest].join('\n');
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
