import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createLineFormatter } from './log-lines.ts';

const format = createLineFormatter({ raw: false, color: false });

test('a pino record becomes one short line with its remaining fields', () => {
  const line = JSON.stringify({
    level: 'warn',
    time: '2026-01-02T03:04:05.678Z',
    service: 'gateway',
    request_id: 'r-1',
    took_ms: 12,
    reason: 'two words',
    msg: 'slow answer',
  });
  const shown = format('gateway', line);
  assert.match(
    shown,
    /^\d\d:04:05 gateway {7}WARN {2}slow answer request_id=r-1 took_ms=12 reason="two words"$/,
  );
});

test('an error is shown with its stack, indented', () => {
  const line = JSON.stringify({
    level: 'error',
    msg: 'failed',
    err: { message: 'no', stack: 'Error: no\n  at x' },
  });
  assert.match(format('chat-worker', line), /ERROR failed \n {4}Error: no\n {6}at x$/);
});

test('what is no record keeps its text behind the name', () => {
  for (const line of ['plain words', '{"no":"level"}', '{broken', '']) {
    assert.equal(format('redis', line), `redis          ${line}`);
  }
});

test('raw output is passed through untouched', () => {
  const line = '{"level":"info","msg":"x"}';
  assert.equal(createLineFormatter({ raw: true, color: true })('gateway', line), line);
});
