/**
 * Works on items one after the other, and already on the next `ahead` ones while a result is being used. Results come in
 * order. Whoever ends the iteration early, or a failure, aborts what is under way.
 *
 * @param work its signal aborts with `signal` too
 */
export async function* workAhead<T, R>(
  items: Iterable<T>,
  ahead: number,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<R>,
): AsyncGenerator<R, void, void> {
  const iterator = items[Symbol.iterator]();
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const underWay: Promise<R>[] = [];
  const fill = (count: number) => {
    while (underWay.length < count) {
      const next = iterator.next();
      if (next.done) return;
      const result = work(next.value, either);
      // It may fail long before its turn comes.
      result.catch(() => {});
      underWay.push(result);
    }
  };
  try {
    fill(ahead);
    for (let next = underWay.shift(); next; next = underWay.shift()) {
      const result = await next;
      fill(ahead);
      yield result;
    }
  } finally {
    stop.abort(new Error('the work is no longer wanted'));
    await Promise.allSettled(underWay);
  }
}
