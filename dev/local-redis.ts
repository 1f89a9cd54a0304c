import { connect } from 'node:net';

const PROBE_TIMEOUT_MS = 1_000;

/** Where a local Redis listens and keeps its data. */
export interface RedisOptions {
  port: number;
  dir: string;
  /** Whether every write goes to an append-only file; true unless told otherwise. */
  appendonly?: boolean;
  args?: readonly string[];
}

/** The command line of a Redis that is reachable from this machine alone and never evicts a key. */
export function buildRedisArgs({ port, dir, appendonly = true, args = [] }: RedisOptions): string[] {
  const settings = {
    bind: '127.0.0.1',
    port: String(port),
    dir,
    appendonly: appendonly ? 'yes' : 'no',
    save: '',
    'maxmemory-policy': 'noeviction',
    loglevel: 'warning',
    daemonize: 'no',
  };
  return [...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]), ...args];
}

/** Asks a Redis for a PONG: undefined when it gave it, else what it said or why it was not reached. */
export function probeRedis(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: PROBE_TIMEOUT_MS });
    const settle = (outcome: string | undefined) => {
      socket.destroy();
      resolve(outcome);
    };
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (data) => settle(String(data).startsWith('+PONG') ? undefined : String(data).trim()));
    socket.once('timeout', () => settle('no answer'));
    socket.once('error', (error) => settle(error.message));
    socket.once('close', () => settle('connection closed'));
  });
}
