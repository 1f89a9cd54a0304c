import type { WriteStream } from 'node:tty';

/** How far the work is. */
export interface Progress {
  done: number;
  total: number;
  /** Such as `12 failed · 30 s left`. */
  details: string;
}

/** Shows the progress: a bar on a terminal, a line now and then elsewhere. */
export interface ProgressDisplay {
  show: (progress: Progress) => void;
  /** Takes the bar away, so that something else can be written. */
  clear: () => void;
}

const BAR_WIDTH = 24;
const REDRAW_MS = 100;
const LINE_MS = 5_000;

/** @param out standard error: what the command finds goes to standard output */
export function createProgressDisplay(out: WriteStream): ProgressDisplay {
  const intervalMs = out.isTTY ? REDRAW_MS : LINE_MS;
  let shownAt = -Infinity;
  return {
    show(progress) {
      if (performance.now() - shownAt < intervalMs) return;
      shownAt = performance.now();
      const text = formatProgress(progress);
      out.write(out.isTTY ? `\r\u001b[K${text.slice(0, (out.columns ?? 80) - 1)}` : `${text}\n`);
    },
    clear() {
      shownAt = -Infinity;
      if (out.isTTY) out.write('\r\u001b[K');
    },
  };
}

/** One line, such as `[######------]  50 % 120/240 · 1 failed`. */
export function formatProgress({ done, total, details }: Progress): string {
  const share = total === 0 ? 1 : Math.min(done / total, 1);
  const filled = Math.round(share * BAR_WIDTH);
  const bar = `[${'#'.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}]`;
  const percent = `${Math.floor(share * 100)}`.padStart(3);
  return `${bar} ${percent} % ${done}/${total}${details === '' ? '' : ` · ${details}`}`;
}
