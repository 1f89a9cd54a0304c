import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OpsQueue } from '@sluice/shared/contracts/ops';
import { findTroubles } from './findings.ts';

const idle: OpsQueue = {
  name: 'chat',
  jobs: { waiting: 0, active: 0, delayed: 0, failed: 0 },
  lost: 0,
  oldest_wait_seconds: 0,
  taken_per_second: 0,
  workers: 2,
  running: 0,
  slots: 200,
};
const queue = (more: Partial<Omit<OpsQueue, 'jobs'>>, jobs: Partial<OpsQueue['jobs']> = {}): OpsQueue => ({
  ...idle,
  ...more,
  jobs: { ...idle.jobs, ...jobs },
});
const codes = (...queues: OpsQueue[]) => findTroubles(queues).map(({ kind, code }) => `${kind}: ${code}`);

describe('findings', () => {
  it('are none for a queue that is idle, works, or keeps up', () => {
    assert.deepEqual(codes(idle), []);
    assert.deepEqual(codes(queue({ running: 40, taken_per_second: 8 }, { active: 40 })), []);
    assert.deepEqual(codes(queue({ running: 200, oldest_wait_seconds: 1 }, { waiting: 3, active: 200 })), []);
    assert.deepEqual(codes(queue({ workers: 0, slots: 0 })), [], 'no worker, and nobody who wants one');
    assert.deepEqual(codes(queue({}, { failed: 7 })), [], 'what has failed is kept for inspection');
  });

  it('call it starvation when jobs wait and there is no worker', () => {
    const none = { workers: 0, slots: 0 };
    assert.deepEqual(codes(queue({ ...none, oldest_wait_seconds: 1 }, { waiting: 3 })), [], 'a restart');
    const [finding] = findTroubles([queue({ ...none, oldest_wait_seconds: 4 }, { waiting: 3 })]);
    assert.deepEqual(
      [finding?.kind, finding?.code, finding?.jobs, finding?.seconds],
      ['starvation', 'no_workers', 3, 4],
    );
    assert.equal(finding?.message, '3 wait in chat, the oldest for 4 s, and there is no worker. Start one.');
  });

  it('call it starvation when all slots are taken, and a backlog where jobs may wait', () => {
    const full = { running: 200, oldest_wait_seconds: 9 };
    assert.deepEqual(codes(queue(full, { waiting: 50, active: 200 })), ['starvation: no_free_slots']);
    for (const name of ['ingest', 'chat-background'])
      assert.deepEqual(codes(queue({ ...full, name }, { waiting: 50, active: 200 })), ['notice: backlog']);
  });

  it('do not take a slot that is free for a moment for a stall', () => {
    const churning = { running: 197, taken_per_second: 900, oldest_wait_seconds: 30 };
    assert.deepEqual(codes(queue(churning, { waiting: 27_000, active: 197 })), ['starvation: no_free_slots']);
  });

  it('call it a stall when slots are free and nothing is taken', () => {
    const free = (seconds: number) =>
      queue({ running: 1, oldest_wait_seconds: seconds }, { waiting: 5, active: 1 });
    assert.deepEqual(codes(free(8)), [], 'what was taken eight seconds ago may be of before');
    assert.deepEqual(codes(free(13)), ['stall: not_draining']);
    assert.match(findTroubles([free(13)])[0]?.message ?? '', /199 of 200 slots are free/);
  });

  it('call it a stall when a job’s worker is gone, and say whether another one is there', () => {
    assert.deepEqual(codes(queue({ lost: 2 }, { active: 2 })), ['stall: lost_worker']);
    const message = (workers: number) =>
      findTroubles([queue({ lost: 2, workers }, { active: 2 })])[0]?.message;
    assert.match(message(1) ?? '', /Another worker takes over/);
    assert.match(message(0) ?? '', /no other worker/);
  });

  it('tell both at once: the last worker died with a job, and others wait', () => {
    const dead = queue({ workers: 0, slots: 0, lost: 1, oldest_wait_seconds: 5 }, { waiting: 4, active: 1 });
    assert.deepEqual(codes(dead), ['stall: lost_worker', 'starvation: no_workers']);
  });

  it('come worst first, whatever the queue', () => {
    const retrying = queue({ name: 'ingest' }, { delayed: 4 });
    const stalled = queue({ lost: 1 }, { active: 1 });
    assert.deepEqual(codes(retrying, stalled), ['stall: lost_worker', 'notice: retrying']);
  });
});
