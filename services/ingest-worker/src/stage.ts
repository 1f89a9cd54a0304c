import type { INGEST_STAGES } from '@sluice/shared/contracts/events';
import { isTracing, startSpan, withSpan } from '@sluice/shared/tracing/spans';
import type { Span } from '@sluice/shared/tracing/spans';
import { stageSeconds } from './metrics.ts';

/** A stage that a document goes through piece by piece, while other pieces of it are in other stages. */
export interface Stage extends Disposable {
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Counts what it takes to come to each item. */
  iterate<T>(items: Iterable<T>): Iterable<T>;
}

/**
 * Follows a document through a stage: how long its pieces took together is a metric, and an attribute of one span from the
 * beginning of the first piece to the end of the last; a span for each piece would be hundreds for a long document.
 */
export function openStage(stage: (typeof INGEST_STAGES)[number]): Stage {
  let span: Span | undefined;
  let [pieces, busyMs, ended] = [0, 0, 0];
  const enter = () => {
    if (isTracing()) span ??= startSpan(stage);
    return performance.now();
  };
  const leave = (begun: number) => {
    ended = performance.now();
    pieces += 1;
    busyMs += ended - begun;
  };
  return {
    async run(work) {
      const begun = enter();
      try {
        return await (span ? withSpan(span, work) : work());
      } finally {
        leave(begun);
      }
    },
    *iterate(items) {
      let begun = enter();
      for (const item of items) {
        leave(begun);
        yield item;
        begun = enter();
      }
    },
    [Symbol.dispose]() {
      if (pieces === 0) return;
      stageSeconds.observe({ stage }, busyMs / 1_000);
      span?.setAttributes({ 'sluice.stage.pieces': pieces, 'sluice.stage.busy_ms': Math.round(busyMs) });
      span?.end(ended);
    },
  };
}
