/** What of a document is shown: a passage of it, or its text from the beginning. */
export interface Passage {
  documentId: string;
  /** Shown until the document is there to say it itself. */
  filename?: string | undefined;
  /** That the offsets are of. */
  version?: number | undefined;
  /** Offsets in UTF-16 code units into the document's text. */
  start?: number | undefined;
  end?: number | undefined;
  page?: number | undefined;
  pageEnd?: number | undefined;
  headings?: readonly string[] | undefined;
  /** The passage itself, shown where the document no longer has it. */
  text?: string | undefined;
}

/** What is shown of a text: a document may have ten million characters, which no browser lays out in time. */
export interface TextWindow {
  from: number;
  to: number;
}

/** Characters around a passage, and those that "show more" adds. */
const MARGIN = 3_000;
const STEP = 20_000;
/** How far a cut moves to be at a line's end. */
const SLACK = 400;

/** The window of a passage, or of the beginning when there is none. */
export function openWindow(text: string, start = 0, end = 0): TextWindow {
  const last = Math.max(end, start);
  return { from: cutBefore(text, start - MARGIN), to: cutAfter(text, last + (last === 0 ? STEP : MARGIN)) };
}

/** More of the text before or after. */
export function widenWindow(text: string, { from, to }: TextWindow, where: 'before' | 'after'): TextWindow {
  return where === 'before'
    ? { from: cutBefore(text, from - STEP), to }
    : { from, to: cutAfter(text, to + STEP) };
}

/** A place to begin at: after a line's end that is near, and never within a character of two code units. */
function cutBefore(text: string, at: number): number {
  if (at <= 0) return 0;
  const line = text.lastIndexOf('\n', at);
  if (line !== -1 && at - line <= SLACK) return line + 1;
  return isWithinPair(text, at) ? at - 1 : at;
}

function cutAfter(text: string, at: number): number {
  if (at >= text.length) return text.length;
  const line = text.indexOf('\n', at);
  if (line !== -1 && line - at <= SLACK) return line;
  return isWithinPair(text, at) ? at + 1 : at;
}

function isWithinPair(text: string, at: number): boolean {
  const before = text.charCodeAt(at - 1);
  const after = text.charCodeAt(at);
  return before >= 0xd800 && before <= 0xdbff && after >= 0xdc00 && after <= 0xdfff;
}
