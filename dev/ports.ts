import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Tries to listen on a port and lets it go again.
 *
 * @returns the port, or the system's error code (`EADDRINUSE`, `EACCES`, ...) when it cannot be had
 */
export function tryPort(port: number, host = '127.0.0.1'): Promise<number | string> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, host, () => {
      server.close(() => resolve(port));
    });
  });
}

/**
 * Where ports are looked for: below those that systems give to outgoing connections (Linux from 32768, macOS from 49152),
 * any of which may be taken between the look and the start of the process that wants it.
 */
const LOWEST = 10_000;
const HIGHEST = 32_767;

/** Finds a free port on the loopback address, at random so that several searchers do not meet. */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = await tryPort(randomInt(LOWEST, HIGHEST + 1));
    if (typeof port === 'number') return port;
  }
}

/**
 * Finds `count` different free ports on the loopback address: the ones that follow `after` where they are free, so that
 * they stay the same from one run to the next, else any.
 */
export async function findFreePorts(count: number, after: number): Promise<number[]> {
  const ports = new Set<number>();
  const last = Math.min(after + 2 * count, 65_535);
  for (let port = after + 1; port <= last && ports.size < count; port += 1) {
    if (typeof (await tryPort(port)) === 'number') ports.add(port);
  }
  while (ports.size < count) ports.add(await findFreePort());
  return [...ports];
}
