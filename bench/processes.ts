import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { trackProcess } from '../tests/helpers/track.ts';

/** A process under measurement, by the name it has in the tables. */
export interface Measured {
  name: string;
  pid: number;
}

/** A server of the bench. */
export interface BenchServer extends Measured, AsyncDisposable {
  url: string;
}

/** Forks a file of bench/, which ends when this process does. */
export function forkBench(file: string, args: readonly string[] = []): ChildProcess {
  const child = fork(join(import.meta.dirname, file), args, {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  trackProcess(child, file);
  return child;
}

/** Starts a server of bench/ and waits until it says where it is. */
export async function startServer(
  name: string,
  file: string,
  args: readonly string[] = [],
): Promise<BenchServer> {
  const child = forkBench(file, args);
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  return { name, url, pid: pidOf(child), [Symbol.asyncDispose]: () => endProcess(child) };
}

export function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('the process did not start');
  return child.pid;
}

/** Ends a process and waits for its end. */
export async function endProcess(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

/** Clock ticks of /proc/<pid>/stat a second: USER_HZ, 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Seconds of CPU that a process has used, in user and kernel mode, all threads or the one given. */
export function readCpuSeconds(pid: number, thread?: number): number {
  const [user, kernel] = readTimes(`/proc/${pid}/${thread === undefined ? '' : `task/${thread}/`}stat`);
  return ((user ?? 0) + (kernel ?? 0)) / TICKS_PER_SECOND;
}

/** Ticks in user and kernel mode, of the process itself and of its ended children. */
function readTimes(file: string): number[] {
  const stat = readFileSync(file, 'utf8');
  // The second field is the name in parentheses and may have spaces; the times are fields 14 to 17.
  return stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 15)
    .map(Number);
}

/** Seconds of CPU of a process's children that have ended. */
export function readEndedChildrenCpuSeconds(pid: number): number {
  const [, , user, kernel] = readTimes(`/proc/${pid}/stat`);
  return ((user ?? 0) + (kernel ?? 0)) / TICKS_PER_SECOND;
}

/** Resident memory of a process, in bytes. */
export function readRss(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) * 1_024;
}
