import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { workAhead } from './work-ahead.ts';

const never = new AbortController().signal;

/** Counts, and tells how far it was asked to. */
function* count(to: number, asked: number[]): Generator<number> {
  for (let n = 0; n < to; n += 1) {
    asked.push(n);
    yield n;
  }
}

describe('working ahead', () => {
  it('works on the next items while a result is used, on no more, and gives results in order', async () => {
    const asked: number[] = [];
    let running = 0;
    const results: number[] = [];
    const work = async (n: number) => {
      running += 1;
      assert.ok(running <= 2, `${running} at the same time`);
      for (let i = 0; i < (n % 3) + 1; i += 1) await turn();
      running -= 1;
      return n * 10;
    };
    for await (const result of workAhead(count(20, asked), 2, never, work)) {
      results.push(result);
      assert.ok(asked.length <= results.length + 2, `${asked.length} taken after ${results.length} results`);
      assert.equal(asked.length, Math.min(20, results.length + 2), 'the next two are under way');
    }
    assert.deepEqual(
      results,
      Array.from({ length: 20 }, (_, n) => n * 10),
    );
  });

  it('aborts what is under way when it fails, is left, or its signal aborts', async () => {
    const aborted: number[] = [];
    const work = (n: number, signal: AbortSignal) =>
      new Promise<number>((resolve, reject) => {
        if (n === 0) resolve(n);
        signal.addEventListener('abort', () => {
          aborted.push(n);
          reject(signal.reason as Error);
        });
      });
    for await (const _ of workAhead(count(9, []), 2, never, work)) break;
    assert.deepEqual(
      aborted.toSorted((a, b) => a - b),
      [0, 1, 2],
    );

    aborted.length = 0;
    const failing = (n: number, signal: AbortSignal) =>
      n === 1 ? Promise.reject(new Error('refused')) : work(n, signal);
    await assert.rejects(async () => {
      for await (const _ of workAhead(count(9, []), 3, never, failing));
    }, /refused/);
    assert.deepEqual(
      aborted.toSorted((a, b) => a - b),
      [0, 2, 3],
    );

    const stop = new AbortController();
    await assert.rejects(async () => {
      for await (const _ of workAhead(count(9, []), 2, stop.signal, work)) stop.abort(new Error('drained'));
    }, /drained/);
  });
});
