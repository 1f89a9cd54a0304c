import { spawn } from 'node:child_process';
import { demoteProcess } from './isolation.ts';
import { type ProcessLimits, watchLimits } from './watch-limits.ts';

/** How a program ended. */
export type ToolResult =
  | { kind: 'done'; output: Buffer }
  | { kind: 'failed'; detail: string }
  | { kind: 'exceeded'; limit: 'timeout' | 'rss' };

/** What a run may be given. */
export interface ToolOptions extends ProcessLimits {
  /** For its standard input. */
  input?: Uint8Array;
  signal?: AbortSignal | undefined;
}

/** A page as an image takes 13 MB. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** Kept from the standard error. */
const STDERR_TAIL = 1000;

/** Where systems keep their programs; Homebrew's last. */
const PATH = '/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin';

/** Limits the CPU time for the case that nobody is left to end the program, and then becomes the program. */
const LIMITED = 'ulimit -t "$0" && exec "$@"';

/**
 * Runs a program of the system on untrusted input under limits, with no secret in its environment.
 *
 * @throws the signal's reason on abort, and an Error when the program cannot be started.
 */
export async function runTool(
  command: string,
  args: readonly string[],
  options: ToolOptions,
): Promise<ToolResult> {
  const { timeoutMs, input, signal } = options;
  signal?.throwIfAborted();
  const seconds = String(Math.ceil(timeoutMs / 1000) + 1);
  const child = spawn('/bin/sh', ['-c', LIMITED, seconds, command, ...args], {
    cwd: '/',
    // One thread: the worker has another document for the next core.
    env: { PATH, LC_ALL: 'C.UTF-8', OMP_THREAD_LIMIT: '1' },
    stdio: 'pipe',
  });
  const output: Buffer[] = [];
  let size = 0;
  let stderr = '';
  let exceeded: 'timeout' | 'rss' | undefined;
  const kill = (limit?: 'timeout' | 'rss'): void => {
    exceeded ??= limit;
    child.kill('SIGKILL');
  };
  const onAbort = (): void => kill();
  signal?.addEventListener('abort', onAbort, { once: true });
  const stopWatching = watchLimits(child.pid, options, kill);
  if (child.pid) void demoteProcess(child.pid);

  child.stdout.on('data', (chunk: Buffer) => {
    output.push(chunk);
    size += chunk.length;
    if (size > MAX_OUTPUT_BYTES) kill('rss');
  });
  child.stderr
    .setEncoding('utf8')
    .on('data', (chunk: string) => (stderr = (stderr + chunk).slice(-STDERR_TAIL)));
  // A program that ends before it has read all breaks the pipe; how it ended tells why.
  child.stdin.on('error', () => undefined).end(input);
  try {
    const { promise, resolve, reject } = Promise.withResolvers<{ code: number | null; by: string | null }>();
    child.once('error', reject).once('close', (code, by) => resolve({ code, by }));
    const { code, by } = await promise;
    signal?.throwIfAborted();
    if (exceeded) return { kind: 'exceeded', limit: exceeded };
    if (code === 0) return { kind: 'done', output: Buffer.concat(output) };
    return { kind: 'failed', detail: `${command} ended with code ${code}, signal ${by}: ${stderr}` };
  } finally {
    stopWatching();
    signal?.removeEventListener('abort', onAbort);
  }
}
