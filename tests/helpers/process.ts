import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';

import { probeHttp } from '../../dev/specs.ts';
import { findFreePort } from '../../dev/ports.ts';
import { waitFor } from './poll.ts';
import { trackProcess } from './track.ts';

export type ServiceName = 'gateway' | 'chat-worker' | 'ingest-worker';

/** A service that runs as the process it is in production. */
export interface TestService extends AsyncDisposable {
  /** Where it answers: everything for the gateway, health for a worker. */
  readonly url: string;
  readonly port: number;
  readonly process: ChildProcess;
  /** All that it wrote so far. */
  logs(): string;
  /** Sends a signal (SIGTERM unless given) and resolves with the exit code, null when a signal ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
}

const ROOT = dirname(dirname(import.meta.dirname));
const READY_TIMEOUT_MS = 30_000;

/**
 * Starts a service on a free port and waits until it is ready.
 *
 * @param env its environment; nothing but PATH and HOME is taken over from the test's own
 * @throws {Error} with the service's output when it ends or is not ready in time
 */
export async function startService(name: ServiceName, env: Record<string, string>): Promise<TestService> {
  const port = await findFreePort();
  const child = spawn(process.execPath, [join(ROOT, 'services', name, 'src', 'main.ts')], {
    cwd: ROOT,
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      HOST: '127.0.0.1',
      ...(name === 'gateway' ? { PORT: String(port) } : { HEALTH_PORT: String(port) }),
      ...env,
    },
    // The services end when this channel closes, so none outlives a test run that is killed.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  trackProcess(child, `the ${name}`);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (data: Buffer) => (output += data.toString()));
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;

  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (!hasEnded()) {
      const exited = once(child, 'exit');
      child.kill(signal);
      await exited;
    }
    return child.exitCode;
  };
  const kill = async () => void (await stop('SIGKILL'));
  const url = `http://127.0.0.1:${port}`;
  const isReady = async () => hasEnded() || (await probeHttp(`${url}/readyz`)) === undefined;
  await waitFor(isReady, { timeoutMs: READY_TIMEOUT_MS, what: `${url}/readyz` }).catch(kill);
  if (hasEnded()) throw new Error(`${name} did not become ready. It wrote:\n${output}`);
  return { url, port, process: child, logs: () => output, stop, kill, [Symbol.asyncDispose]: kill };
}
