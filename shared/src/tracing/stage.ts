import { isTracing, startSpan, withSpan } from './spans.ts';
import type { Span } from './spans.ts';

/** A stage that work goes through piece by piece, while other pieces are in other stages. */
export interface Stage extends Disposable {
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Counts what it takes to come to each item. */
  iterate<T>(items: Iterable<T>): Iterable<T>;
}

const UNTRACED: Stage = { run: (work) => work(), iterate: (items) => items, [Symbol.dispose]() {} };

/**
 * Follows a stage in one span, from the beginning of its first piece to the end of its last one: a span for each piece
 * would be hundreds for a long document. How long the pieces took together is an attribute.
 */
export function traceStage(name: string): Stage {
  if (!isTracing()) return UNTRACED;
  let span: Span | undefined;
  let [pieces, busyMs, ended] = [0, 0, 0];
  const enter = (): { active: Span; begun: number } => ({
    active: (span ??= startSpan(name)),
    begun: performance.now(),
  });
  const leave = (begun: number) => {
    ended = performance.now();
    pieces += 1;
    busyMs += ended - begun;
  };
  return {
    async run(work) {
      const { active, begun } = enter();
      try {
        return await withSpan(active, work);
      } finally {
        leave(begun);
      }
    },
    *iterate(items) {
      let { begun } = enter();
      for (const item of items) {
        leave(begun);
        yield item;
        ({ begun } = enter());
      }
    },
    [Symbol.dispose]() {
      span?.setAttributes({ 'sluice.stage.pieces': pieces, 'sluice.stage.busy_ms': Math.round(busyMs) });
      span?.end(ended);
    },
  };
}
