import { readRss } from './isolation.ts';

/** What a process may take. */
export interface ProcessLimits {
  /** Wall-clock milliseconds. */
  timeoutMs: number;
  /** Resident memory in MB, everything included. */
  rssMb: number;
}

/** Between two looks at the memory of a process. A parser can touch about 100 MB in that time. */
const RSS_CHECK_MS = 50;

/**
 * Watches a process that works on one document.
 *
 * @returns what ends the watch
 */
export function watchLimits(
  pid: number | undefined,
  limits: ProcessLimits,
  onExceeded: (limit: 'timeout' | 'rss') => void,
): () => void {
  let watching = true;
  const timer = setTimeout(() => onExceeded('timeout'), limits.timeoutMs);
  const interval = setInterval(async () => {
    const rss = pid ? await readRss(pid) : 0;
    // A late answer must not count against the next document.
    if (watching && rss > limits.rssMb * 1024 * 1024) onExceeded('rss');
  }, RSS_CHECK_MS);
  return () => {
    watching = false;
    clearTimeout(timer);
    clearInterval(interval);
  };
}
