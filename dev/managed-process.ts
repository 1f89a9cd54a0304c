import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

import { sendSignal } from './processes.ts';

/** What to run and how it is known to be up. */
export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Milliseconds between SIGTERM and SIGKILL when it is stopped. */
  readonly graceMs: number;
  /** Gives undefined once the process is up, else what is still missing. */
  readonly probe: () => Promise<string | undefined>;
  /** Whether what it writes while it starts and while it stops matters only if it does not come up. */
  readonly isQuiet?: boolean;
}

/** What the owner of a {@link ManagedProcess} hears of it. */
export interface ProcessEvents {
  /** It runs under a new process id. */
  started(pid: number): void;
  /** It wrote a line. */
  wrote(line: string, stream: 'stdout' | 'stderr'): void;
  /** It ended by itself and starts again after `delayMs`. */
  restarting(how: string, delayMs: number): void;
  /** It ended by itself and stays down. */
  gaveUp(how: string, reason: 'configuration' | 'quick_deaths'): void;
}

/** EX_CONFIG of sysexits.h: the services end with it when their configuration is wrong. */
const EXIT_CONFIGURATION = 78;
const QUICK_DEATH_MS = 10_000;
const MOST_QUICK_DEATHS = 5;
const FIRST_DELAY_MS = 250;

/** Keeps one process running until it is stopped: starts it again, later each time, when it dies. */
export class ManagedProcess {
  readonly spec: ProcessSpec;
  readonly #events: ProcessEvents;
  #child: ChildProcess | undefined;
  #closed: Promise<void> = Promise.resolve();
  #restart: NodeJS.Timeout | undefined;
  #quickDeaths = 0;
  #isStopping = false;

  constructor(spec: ProcessSpec, events: ProcessEvents) {
    this.spec = spec;
    this.#events = events;
  }

  /** Starts the process. */
  start(): void {
    const { command, args, env } = this.spec;
    const startedAt = performance.now();
    // A process group of its own: Ctrl-C in the terminal reaches the supervisor alone, which stops all in order, and a
    // SIGKILL to the group takes the process's own children along.
    const child = spawn(command, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    forwardLines(child.stdout, (line) => this.#events.wrote(line, 'stdout'));
    forwardLines(child.stderr, (line) => this.#events.wrote(line, 'stderr'));
    if (child.pid !== undefined) this.#events.started(child.pid);
    this.#closed = waitUntilClosed(child).then((end) => this.#handleEnd(end, performance.now() - startedAt));
  }

  /** Ends the process for good: SIGTERM, then SIGKILL after the grace period. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child?.pid === undefined) return;
    if (isRunning(child)) sendSignal(child.pid, 'SIGTERM');
    const timer = setTimeout(() => this.kill(), this.spec.graceMs);
    await this.#closed;
    clearTimeout(timer);
  }

  /** Ends the process and its children at once. */
  kill(): void {
    this.#isStopping = true;
    const child = this.#child;
    if (child?.pid !== undefined && isRunning(child)) sendSignal(-child.pid, 'SIGKILL');
  }

  #handleEnd({ code, how }: End, livedMs: number): void {
    if (this.#isStopping) return;
    if (code === EXIT_CONFIGURATION) return this.#events.gaveUp(how, 'configuration');
    this.#quickDeaths = livedMs < QUICK_DEATH_MS ? this.#quickDeaths + 1 : 0;
    if (this.#quickDeaths >= MOST_QUICK_DEATHS) return this.#events.gaveUp(how, 'quick_deaths');
    const delayMs = FIRST_DELAY_MS * 2 ** Math.max(0, this.#quickDeaths - 1);
    this.#restart = setTimeout(() => this.start(), delayMs);
    this.#events.restarting(how, delayMs);
  }
}

interface End {
  code: number | null;
  how: string;
}

function waitUntilClosed(child: ChildProcess): Promise<End> {
  const { promise, resolve } = Promise.withResolvers<End>();
  let end: End = { code: null, how: 'could not be started' };
  child.once('error', (error) => {
    end = { code: null, how: `could not be started (${error.message})` };
    if (child.pid === undefined) resolve(end);
  });
  child.once('exit', (code, signal) => {
    end = { code, how: signal ? `was ended by ${signal}` : `ended with exit code ${code}` };
    // What the process itself had started would hold its output open, and live on.
    if (child.pid !== undefined) sendSignal(-child.pid, 'SIGKILL');
  });
  child.once('close', () => resolve(end));
  return promise;
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

function forwardLines(stream: Readable, onLine: (line: string) => void): void {
  createInterface({ input: stream }).on('line', onLine);
}
