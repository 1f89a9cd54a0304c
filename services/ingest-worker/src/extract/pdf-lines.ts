/** One run of glyphs as `getTextContent()` of pdf.js reports it; sizes in PDF units. */
export interface TextRun {
  str: string;
  /** Text matrix: `[a, b, c, d, x, y]`. */
  transform: number[];
  width: number;
  height: number;
  hasEOL: boolean;
  /** True for a font that is set from top to bottom. */
  vertical: boolean;
}

/** A visual line, measured along and across its own reading direction, so that rotated text looks upright. */
export interface TextLine {
  text: string;
  /** Where the line begins and ends along the reading direction. */
  start: number;
  end: number;
  /** Position across the reading direction; smaller is further down the page. */
  baseline: number;
  /** Font size of the first visible run. */
  size: number;
  /** Reading direction in degrees. */
  angle: number;
}

interface Place {
  start: number;
  end: number;
  baseline: number;
  size: number;
  angle: number;
}

/**
 * Builds lines from runs in the order of the content stream, which is the reading order of nearly every producer
 * (the left column of a two-column page comes before the right). pdf.js marks line ends with `hasEOL` and has put
 * spaces between runs already; a mark between two runs of the same baseline is taken for a space.
 */
export function buildLines(runs: TextRun[]): TextLine[] {
  const lines: TextLine[] = [];
  let line: TextLine | undefined;
  let ended = false;
  for (const run of runs) {
    if (run.str.trim() === '') {
      if (line) line.text += run.str;
    } else {
      const place = placeOf(run);
      if (line && (ended ? continues(line, place) : isNear(line, place))) {
        line.text += (ended ? ' ' : '') + run.str;
        line.end = Math.max(line.end, place.end);
      } else {
        line = { text: run.str, ...place };
        lines.push(line);
      }
      ended = false;
    }
    ended ||= run.hasEOL;
  }
  for (const each of lines) each.text = tidyLine(each.text);
  return lines.filter((each) => each.text !== '');
}

function placeOf(run: TextRun): Place {
  const [a = 1, b = 0, c = 0, d = 1, x = 0, y = 0] = run.transform;
  const size = run.vertical ? Math.hypot(a, b) : Math.hypot(c, d);
  if (run.vertical) return { start: -y, end: -y + run.height, baseline: x, size, angle: 270 };
  const radians = Math.atan2(b, a);
  const start = x * Math.cos(radians) + y * Math.sin(radians);
  const baseline = y * Math.cos(radians) - x * Math.sin(radians);
  return { start, end: start + run.width, baseline, size, angle: Math.round((radians * 180) / Math.PI) };
}

function continues(line: TextLine, place: Place): boolean {
  return (
    line.angle === place.angle &&
    Math.abs(line.baseline - place.baseline) < 0.2 * line.size &&
    place.start >= line.end - 0.1 * line.size
  );
}

/** pdf.js leaves the mark out where a drawing follows the text; a superscript is moved by less than this. */
function isNear(line: TextLine, place: Place): boolean {
  return line.angle === place.angle && Math.abs(line.baseline - place.baseline) < 0.9 * line.size;
}

function tidyLine(text: string): string {
  return composeAccents(text)
    .replace(/[ \t\u00a0]+/g, ' ')
    .replace(LEADER_DOTS, ' … ')
    .trim();
}

/** The dotted line of a table of contents; 5 dots and more, spaced or not. */
const LEADER_DOTS = / ?(?:[.·…⋯] ?){5,}/g;

const COMBINING: Record<string, string> = {
  '¨': '\u0308',
  '´': '\u0301',
  ˆ: '\u0302',
  '˜': '\u0303',
  ˇ: '\u030c',
};

/** Old TeX fonts set "naïve" as "na", a free-standing diaeresis and a dotless i. */
function composeAccents(text: string): string {
  return text.replace(/(?<=\p{L})([¨´ˆ˜ˇ])(\p{L})/gu, (_match, accent: string, letter: string) =>
    `${letter === 'ı' ? 'i' : letter}${COMBINING[accent] ?? ''}`.normalize('NFC'),
  );
}
