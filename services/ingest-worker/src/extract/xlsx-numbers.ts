import { readXml } from './xml.ts';

/** How a cell shows its number, as far as that changes what it means. */
export type CellStyle = 'plain' | 'percent' | 'date' | 'time' | 'datetime';

/** Formats that files do not spell out (ECMA-376 part 1, 18.8.30), the East Asian dates among them. */
const BUILT_IN: [style: CellStyle, first: number, last: number][] = [
  ['percent', 9, 10],
  ['date', 14, 17],
  ['time', 18, 21],
  ['datetime', 22, 22],
  ['date', 27, 31],
  ['time', 32, 35],
  ['date', 36, 36],
  ['time', 45, 47],
  ['date', 50, 58],
];

const DAY_MS = 86_400_000;
const DAYS_1900 = Date.UTC(1899, 11, 30);
const DAYS_1904 = Date.UTC(1904, 0, 1);

/** Day numbers up to 9999-12-31. */
const LAST_DAY = 2_958_465;

/** The styles that cells refer to by number. */
export function readStyles(xml: string): CellStyle[] {
  const formats = new Map<string, CellStyle>();
  const styles: CellStyle[] = [];
  let isCellStyles = false;
  readXml(xml, {
    open(tag, attributes) {
      if (tag === 'numFmt')
        formats.set(attributes['numFmtId'] ?? '', classify(attributes['formatCode'] ?? ''));
      else if (tag === 'cellXfs') isCellStyles = true;
      else if (tag === 'xf' && isCellStyles) {
        const id = attributes['numFmtId'] ?? '0';
        styles.push(formats.get(id) ?? builtIn(Number(id)));
      }
    },
    close(tag) {
      if (tag === 'cellXfs') isCellStyles = false;
    },
  });
  return styles;
}

function builtIn(id: number): CellStyle {
  return BUILT_IN.find(([, first, last]) => id >= first && id <= last)?.[0] ?? 'plain';
}

/** What a format code such as `yyyy"年"m"月"` or `0.0%` shows, its literal text, colours and conditions apart. */
function classify(code: string): CellStyle {
  const marks = code
    .slice(0, 255)
    .replace(/"[^"]*"|\\.|_.|\*.|\[(?!h|m|s)[^\]]*\]/gi, '')
    .toLowerCase();
  const [positive = ''] = marks.split(';');
  const isDate = /[yd]/.test(positive);
  const isTime = /[hs]/.test(positive);
  if (isDate) return isTime ? 'datetime' : 'date';
  if (isTime) return 'time';
  if (/m/.test(positive) && !/[0#?]/.test(positive)) return 'date';
  return positive.includes('%') ? 'percent' : 'plain';
}

/**
 * The text of a number: a date as `2026-03-01`, a time as `09:30`, a percentage as `12.5%`, anything else with the 15
 * digits that Excel keeps.
 */
export function formatNumber(value: string, style: CellStyle = 'plain', is1904 = false): string {
  const number = Number(value);
  if (!Number.isFinite(number)) return value;
  if (style === 'percent') return `${round(number * 100)}%`;
  const isDay = number >= 0 && number <= LAST_DAY;
  if (style === 'plain' || !isDay) return round(number);
  const milliseconds = Math.round(number * 86_400) * 1000;
  const iso = new Date((is1904 ? DAYS_1904 : DAYS_1900) + milliseconds).toISOString();
  const date = iso.slice(0, 10);
  const time = milliseconds % 60_000 === 0 ? iso.slice(11, 16) : iso.slice(11, 19);
  const isMidnight = milliseconds % DAY_MS === 0;
  if (style === 'time') return number < 1 ? time : round(number);
  return style === 'date' || isMidnight ? date : `${date} ${time}`;
}

function round(number: number): string {
  return String(Number(number.toPrecision(15)));
}
