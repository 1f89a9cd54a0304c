import type { TextLine } from './pdf-lines.ts';

/** A gap this many times the page's usual line distance begins a paragraph. */
const PARAGRAPH_GAP = 1.25;

/** Line distance, in font sizes, of a page that has too few lines to measure it. */
const USUAL_LEADING = 1.3;

/** A line distance beyond this many font sizes is never the usual one. */
const MAX_LEADING = 2.5;

/** Shift of the left edge, in font sizes, that counts as an indent. */
const INDENT = 0.8;

const CJK = '[\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\u3000-\\u303f\\uff00-\\uffef]';
const ENDS_CJK = new RegExp(`${CJK}$`, 'u');
const STARTS_CJK = new RegExp(`^${CJK}`, 'u');
const ENDS_SENTENCE = /[.!?:;。！？；：…]["'”’」』)）\]]*$/u;

/** An entry of a table of contents, after its leader dots were shortened. */
const ENDS_ENTRY = /… (?:\d+|[ivxlc]+)$/;

/** How two neighbouring lines belong together. */
type Join = 'paragraph' | 'break' | 'wrap';

/**
 * Joins the lines of a page: `\n\n` between paragraphs (told by a wider gap, an indent, another font size, or a
 * jump to another column), `\n` where a line ends on purpose (the next word would have fitted), and within
 * running text a space, or nothing between CJK characters and after a hyphen that splits a word.
 */
export function joinLines(lines: TextLine[]): string {
  const leading = measureLeading(lines);
  const edges = measureEdges(lines);
  const parts: string[] = [];
  for (const [index, line] of lines.entries()) {
    const previous = lines[index - 1];
    if (previous) {
      const join = classify(previous, line, lines[index + 1], leading, edges.get(previous) ?? previous.end);
      if (join === 'wrap') parts.push(joinWrapped(parts.pop() ?? '', line.text));
      else parts.push(join === 'paragraph' ? '\n\n' : '\n');
    }
    parts.push(line.text);
  }
  return parts.join('');
}

function classify(
  previous: TextLine,
  line: TextLine,
  next: TextLine | undefined,
  leading: number,
  edge: number,
): Join {
  if (line.angle !== previous.angle) return 'paragraph';
  const gap = previous.baseline - line.baseline;
  const size = previous.size;
  if (gap <= 0.2 * size) return isMidSentence(previous, line) ? 'wrap' : 'paragraph';
  if (gap > PARAGRAPH_GAP * leading * size) return 'paragraph';
  if (Math.abs(line.size - size) > 0.15 * size) return 'paragraph';
  const isFull = previous.end + widthOfFirstWord(line) > edge && !ENDS_ENTRY.test(previous.text);
  if (isIndented(previous, line, next) && (!isFull || ENDS_SENTENCE.test(previous.text))) return 'paragraph';
  return isFull ? 'wrap' : 'break';
}

/** The text goes on at the top of the next column. */
function isMidSentence(previous: TextLine, line: TextLine): boolean {
  if (Math.abs(line.size - previous.size) > 0.05 * previous.size) return false;
  if (ENDS_SENTENCE.test(previous.text)) return false;
  return /^\p{Ll}/u.test(line.text) || (ENDS_CJK.test(previous.text) && STARTS_CJK.test(line.text));
}

/** The first line of an indented paragraph: its successor returns to the margin of its predecessor. */
function isIndented(previous: TextLine, line: TextLine, next: TextLine | undefined): boolean {
  if (line.start - previous.start < INDENT * line.size) return false;
  return !next || Math.abs(next.start - previous.start) < INDENT * line.size;
}

/** The end of a line as it goes on in the next one: with a space, as it is, or without its hyphen. */
export function joinWrapped(text: string, continuation: string): string {
  if (text.endsWith('\u00ad')) return text.slice(0, -1);
  if (/\p{L}[-\u2010]$/u.test(text) && /^\p{Ll}/u.test(continuation)) {
    // "just-in-" + "time" keeps its hyphens, "pro-" + "gram" loses it.
    const isCompound = /\p{L}[-\u2010]\p{L}{1,40}[-\u2010]$/u.test(text);
    return isCompound ? text : text.slice(0, -1);
  }
  if (/[\p{L}\p{N}][-\u2010/]$/u.test(text)) return text;
  return ENDS_CJK.test(text) && STARTS_CJK.test(continuation) ? text : `${text} `;
}

/** A CJK line breaks after any character, another one after a word. */
function widthOfFirstWord(line: TextLine): number {
  const characters = Math.max(1, line.text.length);
  const word = STARTS_CJK.test(line.text) ? 1 : (/^\S+/.exec(line.text)?.[0].length ?? 1);
  return ((line.end - line.start) / characters) * (word + 1);
}

/** The most frequent distance of neighbouring lines, in font sizes, to a tenth. */
function measureLeading(lines: TextLine[]): number {
  const counts = new Map<number, number>();
  for (const [index, line] of lines.entries()) {
    const previous = lines[index - 1];
    if (!previous || previous.size === 0) continue;
    const ratio = Math.round(((previous.baseline - line.baseline) / previous.size) * 10) / 10;
    if (ratio >= 0.8 && ratio <= MAX_LEADING) counts.set(ratio, (counts.get(ratio) ?? 0) + 1);
  }
  const usual = [...counts].filter(([, count]) => count > 2).toSorted((a, b) => b[1] - a[1])[0];
  return usual?.[0] ?? USUAL_LEADING;
}

/** The right edge of the column that each line stands in: the furthest end among its neighbours up to a gap. */
function measureEdges(lines: TextLine[]): Map<TextLine, number> {
  const edges = new Map<TextLine, number>();
  let block: TextLine[] = [];
  const close = (): void => {
    const edge = block.reduce((furthest, each) => Math.max(furthest, each.end), -Infinity);
    for (const each of block) edges.set(each, edge);
    block = [];
  };
  for (const line of lines) {
    const previous = block.at(-1);
    const gap = previous ? previous.baseline - line.baseline : 0;
    if (previous && (gap <= 0 || gap > MAX_LEADING * previous.size || line.angle !== previous.angle)) close();
    block.push(line);
  }
  if (block.length > 0) close();
  return edges;
}
