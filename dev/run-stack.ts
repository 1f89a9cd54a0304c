import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { describeProcess } from './processes.ts';
import { Refusal } from './refusal.mjs';
import { removeRunRecord, type RunRecord, writeRunRecord } from './run-record.ts';
import { type Layer, Stack } from './stack.ts';

/** What {@link runStack} runs. */
export interface StackPlan {
  readonly dataDir: string;
  /** The claim on the data folder; every process is entered there as it starts. */
  readonly record: RunRecord;
  readonly layers: readonly Layer[];
  readonly write: (name: string, line: string) => void;
  readonly say: (sentence: string) => void;
  /** Called once, when everything is up. */
  readonly announce: () => void;
}

const READY_TIMEOUT_MS = 60_000;
/** One Ctrl-C under npm arrives up to three times: from the terminal, from npm, and from the bootstrap. */
const SAME_REQUEST_MS = 1_000;

/**
 * Runs a stack until a signal, the loss of the parent process, or a failure ends it, and stops it in order. A second
 * signal ends it at once.
 *
 * @returns the exit code
 */
export async function runStack(plan: StackPlan): Promise<number> {
  const { dataDir, record, layers, say } = plan;
  const guard = startGuard(dataDir);
  record.guard = describeProcess(guard.pid!);
  const stack = new Stack(layers, {
    write: plan.write,
    say,
    started: ({ spec: { name, graceMs }, layer, pid }) => {
      const ref = describeProcess(pid);
      const others = record.processes.filter((other) => other.name !== name);
      record.processes = ref ? [...others, { ...ref, name, layer, graceMs }] : others;
      writeRunRecord(dataDir, record);
    },
  });

  const stopRequested = listenForStop(() => stack.kill());
  const refusal = await Promise.race([runUntilFailure(stack, plan.announce), stopRequested]);
  if (refusal) console.error(refusal.message);
  else say('Stopping the gateway, then the workers, then Redis (Ctrl-C again ends them at once) ...');
  await stack.stop();
  removeRunRecord(dataDir);
  guard.stdin.end();
  await once(guard, 'exit');
  if (!refusal) say('Stopped.');
  return refusal?.exitCode ?? 0;
}

/** Gives the reason why the stack cannot go on, or undefined when it was stopped before it was up. */
async function runUntilFailure(stack: Stack, announce: () => void): Promise<Refusal | undefined> {
  try {
    if (!(await stack.start(READY_TIMEOUT_MS))) return undefined;
    announce();
    return await stack.failed;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

/** Starts the process that ends the stack should this one be killed: its standard input closes then. */
function startGuard(dataDir: string) {
  const script = join(import.meta.dirname, 'guard.ts');
  return spawn(process.execPath, [script, dataDir], { detached: true, stdio: ['pipe', 'ignore', 'inherit'] });
}

/** Resolves at the first request to stop; a later Ctrl-C or SIGTERM calls `force`. */
function listenForStop(force: () => void): Promise<undefined> {
  return new Promise((resolve) => {
    let firstAt = Infinity;
    const request = () => {
      firstAt = Math.min(firstAt, performance.now());
      resolve(undefined);
    };
    const requestOrForce = () => (performance.now() - firstAt > SAME_REQUEST_MS ? force() : request());
    process.on('SIGINT', requestOrForce).on('SIGTERM', requestOrForce).on('SIGHUP', request);
    process.once('disconnect', request);
    process.channel?.unref();
    // A closed terminal must not turn the last words of the services into a crash.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', request);
  });
}
