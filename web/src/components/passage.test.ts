import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openWindow, widenWindow } from './passage.ts';

describe('passage', () => {
  it('shows a short text whole', () => {
    assert.deepEqual(openWindow('短文', 0, 2), { from: 0, to: 2 });
    assert.deepEqual(openWindow('', 0, 0), { from: 0, to: 0 });
    assert.deepEqual(openWindow('abc'), { from: 0, to: 3 });
  });

  it('cuts a long text around the passage at line ends, and widens to both ends', () => {
    const text = 'A line of forty-nine characters and its line end.\n'.repeat(4_000);
    let window = openWindow(text, 100_000, 100_100);
    assert.ok(window.from < 97_001 && window.from > 96_500, String(window.from));
    assert.ok(window.to > 103_099 && window.to < 103_600, String(window.to));
    assert.equal(text[window.from - 1], '\n');
    assert.equal(text[window.to], '\n');
    for (let i = 0; i < 10; i++) {
      const { from, to } = window;
      window = widenWindow(text, widenWindow(text, window, 'before'), 'after');
      assert.ok((window.from < from || from === 0) && (window.to > to || to === text.length));
    }
    assert.deepEqual(window, { from: 0, to: text.length });
  });

  it('never cuts a character in two', () => {
    const text = '𠮷'.repeat(50_000);
    for (const start of [20_000, 20_001, 20_002, 20_003]) {
      const { from, to } = openWindow(text, start, start + 2);
      assert.doesNotThrow(() => encodeURIComponent(text.slice(from, to)));
    }
  });

  it('holds the passage, wherever its offsets are', () => {
    const { from, to } = openWindow('x'.repeat(30_000), 29_990, 40_000);
    assert.ok(from <= 29_990 && to === 30_000);
  });
});
