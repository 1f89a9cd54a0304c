import { Worker } from 'node:worker_threads';

/** How often the child looks whether its parent is alive. */
const ORPHAN_CHECK_MS = 500;

/**
 * Script of the thread. As a string it takes 18 MB, as a .ts file 36 MB for the type stripper. It has no heap limit:
 * with 8 MB it ran out of memory while it started, which ends the process.
 */
const WATCH_SCRIPT = `
  const { parentPid, intervalMs } = require('node:worker_threads').workerData;
  setInterval(() => {
    if (process.ppid !== parentPid) process.kill(process.pid, 'SIGKILL');
  }, intervalMs);
`;

/**
 * Ends this process by SIGKILL soon after its parent has gone. It takes a thread of its own, because the closed
 * channel is an event that a main thread in a looping parser never gets to.
 */
export function watchParent(): void {
  const worker = new Worker(WATCH_SCRIPT, {
    eval: true,
    workerData: { parentPid: process.ppid, intervalMs: ORPHAN_CHECK_MS },
  });
  worker.unref();
}
