import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { buildRedisArgs, probeRedis } from '../../dev/local-redis.ts';
import { findFreePort } from '../../dev/ports.ts';
import { findRedisServer } from '../../dev/redis-binary.ts';
import { waitFor } from './poll.ts';
import { trackProcess } from './track.ts';

/** A Redis server of a test's own, on a free port and in a folder of its own. */
export interface TestRedis extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Ends it for good and removes its folder. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL; its data stays for {@link TestRedis.restart}. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data, after ending it if it runs. */
  restart(): Promise<void>;
}

/**
 * Starts a Redis server and waits until it answers.
 *
 * @param options.appendonly whether its data survives {@link TestRedis.restart}; no by default
 * @param options.args more settings in redis-server's notation, such as `--maxmemory`, `32mb`
 */
export async function startRedis(
  options: { appendonly?: boolean; args?: string[] } = {},
): Promise<TestRedis> {
  const binary = findRedisServer();
  if (!binary) throw new Error('No redis-server on the PATH: `npm test` installs one.');
  const dir = await mkdtemp(join(tmpdir(), 'sluice-redis-'));
  const port = await findFreePort();
  const args = buildRedisArgs({
    port,
    dir,
    appendonly: options.appendonly ?? false,
    args: options.args ?? [],
  });

  let current = await launchRedis(binary, args, port);
  const end = async (signal: NodeJS.Signals) => {
    if (current.exitCode !== null || current.signalCode !== null) return;
    const exited = once(current, 'exit');
    current.kill(signal);
    await exited;
  };
  const stop = async () => {
    await end('SIGTERM');
    await rm(dir, { recursive: true, force: true });
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    stop,
    kill: () => end('SIGKILL'),
    async restart() {
      await end('SIGTERM');
      current = await launchRedis(binary, args, port);
    },
    [Symbol.asyncDispose]: stop,
  };
}

/** Starts a redis-server with these arguments, which ends with the test, and waits until it answers on its port. */
export async function launchRedis(binary: string, args: string[], port: number): Promise<ChildProcess> {
  const redis = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [redis.stdout, redis.stderr])
    stream.on('data', (data: Buffer) => (output += data.toString()));
  redis.once('error', (error) => (output += error.message));
  trackProcess(redis, 'redis-server');
  endWithThisProcess(redis);
  try {
    await waitFor(
      async () => {
        if (redis.exitCode !== null) throw new Error(`it ended with exit code ${redis.exitCode}`);
        return (await probeRedis(port)) === undefined;
      },
      { what: 'redis-server to answer' },
    );
  } catch (cause) {
    redis.kill('SIGKILL');
    throw new Error(`redis-server did not start. It wrote:\n${output}`, { cause });
  }
  return redis;
}

/** A test runner that is killed runs no clean-up; the shell's `read` returns when this process is gone. */
function endWithThisProcess(child: ChildProcess): void {
  if (child.pid === undefined) return;
  const script = 'read -r _; kill -9 "$1"';
  const guard = spawn('sh', ['-c', script, 'sh', String(child.pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.once('exit', () => guard.kill('SIGKILL'));
}
