import { escapeStructure } from './markdown-blocks.ts';
import { readXml } from './xml.ts';

/** The text of a slide, of its notes or of a diagram. */
export interface Slide {
  /** On one line; '' without a title. */
  title: string;
  /** Text of each shape and table, as Markdown. */
  blocks: string[];
  isHidden: boolean;
}

/** Shapes that repeat what every slide has. */
const REPEATED = new Set(['dt', 'ftr', 'hdr', 'sldNum', 'sldImg']);

/** Reads a part in DrawingML: shapes in their order, a line for each paragraph, tables as pipe rows. */
export function readSlide(xml: string): Slide {
  const slide: Slide = { title: '', blocks: [], isHidden: false };
  let placeholder = '';
  let lines: string[] = [];
  let rows: string[][] | undefined;
  let paragraph = '';
  let level = 0;
  let isText = false;
  /** Within what older programs read instead of what stands before it. */
  let isFallback = false;

  function closeParagraph(): void {
    const text = paragraph.replace(/[^\S\n]+/g, ' ').trim();
    if (text) lines.push(level > 0 ? `${'  '.repeat(level)}- ${text}` : text);
    paragraph = '';
    level = 0;
  }

  function closeShape(): void {
    const text = lines.join('\n');
    lines = [];
    if (!text || REPEATED.has(placeholder)) return;
    const isTitle = /title$/i.test(placeholder) && placeholder !== 'subTitle' && !slide.title;
    if (isTitle) slide.title = text.replace(/\s+/g, ' ');
    else slide.blocks.push(escapeStructure(text));
  }

  readXml(xml, {
    open(tag, attributes) {
      if (tag === 'sld') slide.isHidden = attributes['show'] === '0' || attributes['show'] === 'false';
      else if (tag === 'sp') placeholder = '';
      else if (tag === 'ph') placeholder = attributes['type'] ?? 'body';
      else if (tag === 'pPr') level = Math.min(Number(attributes['lvl'] ?? 0) || 0, 8);
      else if (tag === 'Fallback') isFallback = true;
      else if (tag === 't') isText = !isFallback;
      else if (tag === 'br') paragraph += '\n';
      else if (tag === 'tbl') rows = [];
      else if (tag === 'tr') rows?.push([]);
    },
    text(text) {
      if (isText) paragraph += text;
    },
    close(tag) {
      if (tag === 't') isText = false;
      else if (tag === 'Fallback') isFallback = false;
      else if (tag === 'p') closeParagraph();
      else if (tag === 'tc') {
        rows?.at(-1)?.push(lines.join(' ').replace(/\s+/g, ' ').replaceAll('|', '\\|'));
        lines = [];
      } else if (tag === 'tbl') {
        slide.blocks.push(...renderTable(rows ?? []));
        rows = undefined;
      } else if (tag === 'sp' || tag === 'pt') closeShape();
    },
  });
  return slide;
}

function renderTable(rows: readonly string[][]): string[] {
  const [first, ...rest] = rows.map((cells) => `| ${cells.join(' | ')} |`);
  if (first === undefined || rows.flat().every((cell) => cell === '')) return [];
  const rule = `|${' --- |'.repeat(rows[0]?.length ?? 1)}`;
  return [[first, rule, ...rest].join('\n')];
}
