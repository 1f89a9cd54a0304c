import type { Batch, BatchItemStatus } from '@sluice/client';

/** A part of a batch's bar. */
export interface Segment {
  status: BatchItemStatus;
  count: number;
  /** Of all files, from 0 to 1. */
  share: number;
}

/** A batch in figures. */
export interface BatchFigures {
  total: number;
  /** Files that have ended, well or not. */
  ended: number;
  share: number;
  /** Files that failed or were refused: what the user may want to look at. */
  faulty: number;
  /** What there is of each status, without those that there are none of. */
  segments: Segment[];
}

/** From what is over to what is still to come, as a bar fills from its beginning. */
export const STATUS_ORDER: readonly BatchItemStatus[] = [
  'ready',
  'duplicate',
  'failed',
  'refused',
  'cancelled',
  'processing',
  'queued',
  'pending',
  'receiving',
];
const ENDED: ReadonlySet<BatchItemStatus> = new Set(['ready', 'duplicate', 'failed', 'refused', 'cancelled']);

/** @param expected files that are on their way to the server and not in the batch yet */
export function countBatch({ counts, items }: Pick<Batch, 'counts' | 'items'>, expected = 0): BatchFigures {
  const total = items + expected;
  const present = STATUS_ORDER.filter((status) => counts[status] > 0);
  const ended = present
    .filter((status) => ENDED.has(status))
    .reduce((sum, status) => sum + counts[status], 0);
  return {
    total,
    ended,
    share: total === 0 ? 0 : ended / total,
    faulty: counts.failed + counts.refused,
    segments: present.map((status) => ({ status, count: counts[status], share: counts[status] / total })),
  };
}

/** Looks at how a count grows, and tells its speed. */
export interface RateMeter {
  /** @param at milliseconds, rising */
  note(at: number, count: number): void;
  /** Per second over the window; undefined until there is enough to tell. */
  rate(at: number): number | undefined;
}

/** Less time than this says little about a speed. */
const LEAST_MS = 1_500;

export function createRateMeter(windowMs = 15_000): RateMeter {
  const notes: { at: number; count: number }[] = [];
  const forget = (at: number) => {
    // One from before the window stays: what has grown since is measured from it.
    while ((notes[1]?.at ?? Infinity) <= at - windowMs) notes.shift();
  };
  return {
    note(at, count) {
      if (notes.at(-1)?.count !== count) notes.push({ at, count });
      forget(at);
    },
    rate(at) {
      forget(at);
      const [first] = notes;
      const last = notes.at(-1);
      if (!first || !last) return undefined;
      const from = Math.max(first.at, at - windowMs);
      return at - from < LEAST_MS ? undefined : ((last.count - first.count) * 1_000) / (at - from);
    },
  };
}
