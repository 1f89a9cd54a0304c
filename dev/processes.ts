import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

import { waitFor } from './wait-for.ts';

/** Names one process for good: the system gives its id to another one after its end, but not with the same start. */
export interface ProcessRef {
  readonly pid: number;
  /** When the process started, in the system's own notation. */
  readonly startedAt: string;
}

/** How long a process may take to vanish after SIGKILL. */
const KILL_TIMEOUT_MS = 5_000;

/** Describes a running process so that {@link isRunning} knows it again, or undefined if there is none. */
export function describeProcess(pid: number): ProcessRef | undefined {
  const startedAt = process.platform === 'linux' ? readStartFromProc(pid) : readStartFromPs(pid);
  return startedAt ? { pid, startedAt } : undefined;
}

function readStartFromProc(pid: number): string | undefined {
  try {
    // proc(5): the second field is the name in parentheses, which may hold spaces; the state is 3rd, the start 22nd.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function readStartFromPs(pid: number): string | undefined {
  return (
    spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim() || undefined
  );
}

/** Tells whether that very process is still there. */
export function isRunning(ref: ProcessRef): boolean {
  return describeProcess(ref.pid)?.startedAt === ref.startedAt;
}

/** Sends a signal to a process or, with a negative id, to a process group, unless it has ended. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // macOS answers EPERM for a group that has only zombies left.
    if (!['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/**
 * Ends a process that leads a process group: SIGTERM to it, SIGKILL to its whole group after `graceMs`.
 *
 * @throws {Error} if it outlives the SIGKILL by seconds
 */
export async function endProcessGroup(ref: ProcessRef, graceMs: number): Promise<void> {
  if (!isRunning(ref)) return;
  sendSignal(ref.pid, 'SIGTERM');
  const ended = () => !isRunning(ref);
  const endedInTime = await waitFor(ended, { timeoutMs: graceMs, what: `process ${ref.pid}` }).catch(
    () => false,
  );
  sendSignal(-ref.pid, 'SIGKILL');
  if (!endedInTime)
    await waitFor(ended, { timeoutMs: KILL_TIMEOUT_MS, what: `the end of process ${ref.pid}` });
}
