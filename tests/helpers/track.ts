import type { ChildProcess } from 'node:child_process';

const running = new Map<ChildProcess, string>();

/** Remembers a process that a test started; one that is still there when the test file ends fails that file. */
export function trackProcess(child: ChildProcess, name: string): void {
  running.set(child, name);
  child.once('exit', () => running.delete(child));
}

process.once('exit', () => {
  for (const [child, name] of running) {
    child.kill('SIGKILL');
    console.error(`A test left ${name} running: stop it in an "after" hook, or hold it with "await using".`);
    process.exitCode = 1;
  }
});
