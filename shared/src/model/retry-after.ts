/** Longest that a provider is taken at its word: the digits of a header may say more than any number or timer holds. */
const MAX_MS = 86_400_000;

/**
 * Reads how long a provider asks to wait: `retry-after-ms` (OpenAI, Azure), else `Retry-After` in seconds or as a date
 * (RFC 9110, 10.2.3).
 *
 * @returns milliseconds, a day at most, or undefined when it does not say
 */
export function parseRetryAfter(headers: Headers | undefined, now = Date.now()): number | undefined {
  const asked = readHeaders(headers, now);
  return asked === undefined ? undefined : Math.min(asked, MAX_MS);
}

function readHeaders(headers: Headers | undefined, now: number): number | undefined {
  const exact = parseNumber(headers?.get('retry-after-ms'));
  if (exact !== undefined) return exact;
  const value = headers?.get('retry-after');
  const seconds = parseNumber(value);
  if (seconds !== undefined) return seconds * 1_000;
  const date = Date.parse(value ?? '');
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function parseNumber(value: string | null | undefined): number | undefined {
  return value && /^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) : undefined;
}
