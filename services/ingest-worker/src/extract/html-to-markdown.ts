import { Parser } from 'htmlparser2';
import { assertDepth } from './xml.ts';
import { type Frame, createFrame, flushInline, renderBlock } from './markdown-blocks.ts';

/** What a page says. */
export interface HtmlContent {
  /** Of its head; '' without one. */
  title: string;
  /** All visible text as Markdown, but what is for navigation. */
  body: string;
  /** The `main` part of it; '' where the page marks none. */
  main: string;
}

/** Elements whose text is a block of Markdown. */
const BLOCKS = new Set('p h1 h2 h3 h4 h5 h6 ul ol li table tr td th caption pre main'.split(' '));

/** Elements that only begin and end a paragraph. */
const BREAKS = new Set(
  'html body div section article header footer aside address blockquote center dl dt dd fieldset figure figcaption form hr details summary'.split(
    ' ',
  ),
);

/** Elements whose content no reader sees, or that lead to other pages. */
const SKIPPED = new Set(
  'title script style noscript template nav svg iframe object embed canvas audio video map select button textarea datalist dialog annotation annotation-xml'.split(
    ' ',
  ),
);

/** XHTML, where `<title/>` is an element without content; in HTML it is one without an end. */
const IS_XHTML = /^\s*(?:<\?xml|(?:<!doctype[^>]{0,300}>\s*)?<html[^>]{1,300}xmlns)/i;

/** Elements nested deeper than this give paragraphs, which bounds the indent that lists add. */
const MAX_FRAMES = 24;

/** Turns HTML into Markdown, all of it that {@link readHtml} sees. */
export function convertHtmlToMarkdown(html: string): string {
  return readHtml(html).body;
}

/**
 * Reads HTML as Markdown without building a tree: headings as `#`, lists, tables as pipe rows, preformatted text as
 * fences, and mammoth's footnotes as `[^1]` with their text at the end. Emphasis and links keep their words only, since
 * marks are noise in search. Scripts, styles, navigation, controls and what is hidden are left out.
 *
 * @throws DocumentError `corrupt` for elements nested too deeply.
 */
export function readHtml(html: string): HtmlContent {
  const root = createFrame('root', {});
  const stack: Frame[] = [root];
  const top = (): Frame => stack.at(-1) ?? root;
  const mains: string[] = [];
  /** For each open element: whether it has a frame of its own. */
  const framed: boolean[] = [];
  /** How many open elements lie within one that is left out, that one included. */
  let skipped = 0;
  let title = '';
  let isTitle = false;

  function open(tag: string, attributes: Record<string, string>): boolean {
    const kind = tag === 'a' && isNoteLink(attributes) ? 'note' : tag;
    if (kind === 'note' || (stack.length < MAX_FRAMES && isBlock(tag, top(), attributes))) {
      if (isHeading(tag)) undoTable(stack);
      stack.push(createFrame(kind, attributes));
      return true;
    }
    if (tag === 'br') top().inline += '\n';
    else if (tag === 'input') top().inline += renderBox(attributes);
    else if (endsParagraph(tag)) flushInline(top());
    return false;
  }

  const handlers = {
    onopentag(tag: string, attributes: Record<string, string>) {
      assertDepth(framed.length + 1);
      isTitle = tag === 'title' && skipped === 0 && title === '';
      if (skipped > 0 || isLeftOut(tag, attributes)) skipped++;
      framed.push(skipped === 0 && open(tag, attributes));
    },
    ontext(text: string) {
      if (skipped === 0) top().inline += text;
      else if (isTitle) title += text;
    },
    onclosetag(tag: string) {
      const hasFrame = framed.pop();
      isTitle = false;
      if (skipped > 0) skipped--;
      else if (hasFrame) closeFrame(stack, mains);
      else if (endsParagraph(tag)) flushInline(top());
    },
  };
  const parser = new Parser(handlers, { recognizeSelfClosing: IS_XHTML.test(html) });
  parser.end(html);
  flushInline(root);
  return { title: title.trim(), body: root.blocks.join('\n\n'), main: mains.join('\n\n') };
}

function isBlock(tag: string, parent: Frame, attributes: Record<string, string>): boolean {
  switch (tag) {
    case 'table':
      return !/^(?:presentation|none)$/.test(attributes['role'] ?? '');
    case 'tr':
    case 'caption':
      return parent.tag === 'table';
    case 'td':
    case 'th':
      return parent.tag === 'tr';
    default:
      return BLOCKS.has(tag);
  }
}

function endsParagraph(tag: string): boolean {
  return BLOCKS.has(tag) || BREAKS.has(tag);
}

function isHeading(tag: string): boolean {
  return /^h[1-6]$/.test(tag);
}

function isLeftOut(tag: string, attributes: Record<string, string>): boolean {
  return (
    SKIPPED.has(tag) ||
    'hidden' in attributes ||
    attributes['aria-hidden'] === 'true' ||
    /(?:display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden)/i.test(attributes['style'] ?? '')
  );
}

function renderBox(attributes: Record<string, string>): string {
  if (attributes['type'] !== 'checkbox') return '';
  return 'checked' in attributes ? '[x] ' : '[ ] ';
}

/** A heading in a cell tells that the tables around it are there for the layout of the page. */
function undoTable(stack: Frame[]): void {
  for (const frame of stack) {
    if (!/^(?:table|tr|td|th)$/.test(frame.tag)) continue;
    frame.blocks = frame.blocks.map((block) => block.replace(/^\|? /, '').replace(/ \|$/, ''));
    frame.tag = 'layout';
  }
}

/** Links between a text and its notes: `#footnote-1` there, `#footnote-ref-1` ("↑") back. */
function isNoteLink(attributes: Record<string, string>): boolean {
  return /^#(?:footnote|endnote)-/.test(attributes['href'] ?? '');
}

function closeFrame(stack: Frame[], mains: string[]): void {
  const frame = stack.pop();
  const parent = stack.at(-1);
  if (!frame || !parent) return;
  if (frame.tag === 'note') return closeNoteLink(frame, parent);
  flushInline(frame);
  flushInline(parent);
  const block = renderBlock(frame, parent);
  if (block === '') return;
  parent.blocks.push(block);
  if (frame.tag === 'main') mains.push(block);
}

function closeNoteLink(link: Frame, parent: Frame): void {
  const label = /\d+/.exec(link.inline)?.[0];
  if (label) parent.inline += `[^${label}]`;
}
