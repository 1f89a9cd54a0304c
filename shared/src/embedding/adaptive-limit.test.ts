import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { AdaptiveLimit } from './adaptive-limit.ts';

describe('adaptive limit', () => {
  it('lets as many run as the limit says, and the others in their order', async () => {
    const limit = new AdaptiveLimit(2);
    const order: number[] = [];
    const first = await limit.acquire();
    await limit.acquire();
    const later = [0, 1].map((n) => limit.acquire().then((permit) => (order.push(n), permit)));
    await turn();
    assert.deepEqual(order, []);
    first.release();
    first.release();
    await later[0];
    await turn();
    assert.deepEqual(order, [0], 'a place is freed once');
    (await later[0])?.release();
    await later[1];
    assert.deepEqual(order, [0, 1]);
  });

  it('halves once for all that was under way together, never below one, and comes back by one a round', () => {
    const limit = new AdaptiveLimit(8);
    const began = performance.now();
    for (let i = 0; i < 8; i += 1) limit.cut(began);
    assert.equal(limit.current, 4);
    for (let i = 0; i < 5; i += 1) limit.grow();
    assert.equal(limit.current, 5);
    for (let i = 0; i < 10; i += 1) limit.cut(Infinity);
    assert.equal(limit.current, 1);
    for (let i = 0; i < 100; i += 1) limit.grow();
    assert.equal(limit.current, 8);
  });

  it('lets who waits go when the signal says so, without losing a place', async () => {
    const limit = new AdaptiveLimit(1);
    const held = await limit.acquire();
    const stop = new AbortController();
    const waiting = limit.acquire(stop.signal);
    stop.abort(new Error('stopped'));
    await assert.rejects(waiting, /stopped/);
    await assert.rejects(limit.acquire(stop.signal), /stopped/);
    held.release();
    await limit.acquire();
  });
});
