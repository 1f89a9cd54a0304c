/** Numbers, sizes and times in the language of a page; `tag` is its BCP 47 tag. */

const SIZE_UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A whole number with its separators. */
export function formatCount(count: number, tag: string): string {
  return new Intl.NumberFormat(tag).format(count);
}

/** A size as file managers show it: 1,024 bytes are a kilobyte; at most one decimal place. */
export function formatBytes(bytes: number, tag: string): string {
  let unit = 0;
  let amount = bytes;
  // 1,023.96 would be shown as 1,024.
  while (amount >= 1_023.95 && unit < SIZE_UNITS.length - 1) {
    amount /= 1_024;
    unit += 1;
  }
  return new Intl.NumberFormat(tag, {
    style: 'unit',
    unit: SIZE_UNITS[unit] ?? 'byte',
    unitDisplay: unit === 0 ? 'long' : 'short',
    maximumFractionDigits: amount < 10 && unit > 0 ? 1 : 0,
  }).format(amount);
}

/** A share from 0 to 1 in percent. Only what is whole is 100 %. */
export function formatPercent(share: number, tag: string): string {
  const percent = share >= 1 ? 1 : Math.min(Math.max(share, 0), 0.99);
  return new Intl.NumberFormat(tag, { style: 'percent', maximumFractionDigits: 0 }).format(percent);
}

/** A length of time by its largest unit, and the next one where that is not 0: `2 min 5 sec`. */
export function formatDuration(seconds: number, tag: string): string {
  const whole = Math.max(Math.round(seconds), 0);
  const parts: [amount: number, unit: 'day' | 'hour' | 'minute' | 'second'][] = [
    [Math.floor(whole / DAY), 'day'],
    [Math.floor((whole % DAY) / HOUR), 'hour'],
    [Math.floor((whole % HOUR) / MINUTE), 'minute'],
    [whole % MINUTE, 'second'],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  const shown = first === -1 ? parts.slice(-1) : parts.slice(first, first + 2);
  return shown
    .filter(([amount], i) => i === 0 || amount > 0)
    .map(([amount, unit]) =>
      new Intl.NumberFormat(tag, { style: 'unit', unit, unitDisplay: 'short' }).format(amount),
    )
    .join(' ');
}

/** How long ago something was: `3 minutes ago`, `yesterday`; within a minute, `now`. */
export function formatAge(date: string | Date, now: Date, tag: string): string {
  const seconds = Math.max((now.getTime() - new Date(date).getTime()) / 1_000, 0);
  const format = new Intl.RelativeTimeFormat(tag, { numeric: 'auto' });
  if (seconds < MINUTE) return format.format(0, 'second');
  if (seconds < HOUR) return format.format(-Math.floor(seconds / MINUTE), 'minute');
  if (seconds < DAY) return format.format(-Math.floor(seconds / HOUR), 'hour');
  if (seconds < 30 * DAY) return format.format(-Math.floor(seconds / DAY), 'day');
  if (seconds < 365 * DAY) return format.format(-Math.floor(seconds / (30 * DAY)), 'month');
  return format.format(-Math.floor(seconds / (365 * DAY)), 'year');
}

/** Date and time, to the second. */
export function formatTime(date: string | Date, tag: string): string {
  return new Intl.DateTimeFormat(tag, { dateStyle: 'medium', timeStyle: 'medium' }).format(new Date(date));
}

/** A speed: per second, or per minute where that would be less than one. */
export function formatRate(perSecond: number, tag: string): { amount: string; per: 'second' | 'minute' } {
  const isSlow = perSecond < 1;
  const amount = isSlow ? perSecond * 60 : perSecond;
  const digits = amount < 10 ? 1 : 0;
  return {
    amount: new Intl.NumberFormat(tag, { maximumFractionDigits: digits }).format(amount),
    per: isSlow ? 'minute' : 'second',
  };
}

/** A score with four significant digits at most: enough to tell neighbours apart. */
export function formatScore(score: number, tag: string): string {
  return new Intl.NumberFormat(tag, {
    minimumFractionDigits: 2,
    maximumFractionDigits: Math.abs(score) < 10 ? 3 : 2,
  }).format(score);
}
