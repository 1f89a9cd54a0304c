/** A time that matters in milliseconds: `320 ms`, and from a second on `1.2 s`. */
export function formatLatency(ms: number | undefined, tag: string): string {
  if (ms === undefined) return '–';
  const isShort = ms < 999.5;
  return new Intl.NumberFormat(tag, {
    style: 'unit',
    unit: isShort ? 'millisecond' : 'second',
    unitDisplay: 'short',
    maximumFractionDigits: isShort || ms >= 10_000 ? 0 : 1,
  }).format(isShort ? ms : ms / 1_000);
}

/** A number of which the size matters: one decimal place below ten. */
export function formatAmount(amount: number | undefined, tag: string): string {
  if (amount === undefined) return '–';
  return new Intl.NumberFormat(tag, { maximumFractionDigits: amount < 10 ? 1 : 0 }).format(amount);
}

/** The time of a day, to the minute or the second. */
export function formatClock(seconds: number, tag: string, precision: 'minute' | 'second' = 'second'): string {
  return new Intl.DateTimeFormat(tag, {
    hour: '2-digit',
    minute: '2-digit',
    ...(precision === 'second' && { second: '2-digit' }),
    hourCycle: 'h23',
  }).format(new Date(seconds * 1_000));
}
