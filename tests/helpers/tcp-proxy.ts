import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What a proxy does with its connections, those that are there and those to come, until it is told otherwise. */
export type ProxyFault =
  | { kind: 'pass' }
  /** Every connection is reset (RST), new ones at once. */
  | { kind: 'reset' }
  /** Connections are accepted and stay; nothing passes, not even their end. What was sent passes afterwards. */
  | { kind: 'black-hole' }
  /** Each piece is held for `ms`, and up to `jitterMs` more; the order stays. */
  | { kind: 'delay'; ms: number; jitterMs: number }
  /** Each connection is reset when `bytes` have come from the server, in the midst of a character if it so falls. */
  | { kind: 'cut'; bytes: number }
  /** Pieces of `bytes` bytes, each in a write of its own: characters of several bytes arrive in parts. */
  | { kind: 'split'; bytes: number }
  | { kind: 'throttle'; bytesPerSecond: number };

/** A TCP proxy on loopback whose faults are switched while it runs. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Changes what happens to all connections. */
  set(fault: ProxyFault): void;
  /** Resets a share of the connections (all unless given), chosen by `random`. Gives their number. */
  reset(random?: () => number, share?: number): number;
  /** Ends the stream to each client (FIN) and leaves its other direction open. Gives the number of connections. */
  halfClose(): number;
  /** Connections that are open. */
  open(): number;
}

interface Connection {
  client: Socket;
  server: Socket;
  /** Bytes that the server has sent. */
  received: number;
}

/**
 * Starts a proxy on a free port.
 *
 * @param target the port to connect to, asked for each connection; undefined refuses it
 * @param random for the jitter
 */
export async function startTcpProxy(
  target: () => number | undefined,
  random: () => number,
): Promise<TcpProxy> {
  const connections = new Set<Connection>();
  let fault: ProxyFault = { kind: 'pass' };
  let changed = Promise.withResolvers<void>();

  const abort = ({ client, server }: Connection) => {
    client.resetAndDestroy();
    server.resetAndDestroy();
  };
  const shape = async (connection: Connection, to: Socket, chunk: Buffer) => {
    while (fault.kind === 'black-hole' && !to.destroyed) await changed.promise;
    switch (fault.kind) {
      case 'delay':
        await delay(fault.ms + random() * fault.jitterMs);
        return write(to, chunk);
      case 'cut': {
        if (to !== connection.client) return write(to, chunk);
        const rest = fault.bytes - connection.received;
        connection.received += chunk.length;
        if (chunk.length < rest) return write(to, chunk);
        await write(to, chunk.subarray(0, Math.max(0, rest)));
        // A reset throws away what the kernel has not sent yet.
        await delay(5);
        return abort(connection);
      }
      case 'split': {
        // The fault may change between two pieces; the rest of the chunk must pass all the same.
        const { bytes } = fault;
        for (let at = 0; at < chunk.length; at += bytes) {
          await write(to, chunk.subarray(at, at + bytes));
          await new Promise((resolve) => setImmediate(resolve));
        }
        return;
      }
      case 'throttle':
        await delay((chunk.length * 1_000) / fault.bytesPerSecond);
        return write(to, chunk);
      default:
        return write(to, chunk);
    }
  };
  const pump = async (connection: Connection, from: Socket, to: Socket) => {
    try {
      for await (const chunk of from.iterator({ destroyOnReturn: false })) {
        await shape(connection, to, chunk as Buffer);
        if (to.destroyed) return;
      }
      while (fault.kind === 'black-hole' && !to.destroyed) await changed.promise;
      to.end();
    } catch {
      abort(connection);
    }
  };

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const port = target();
    client.on('error', () => {});
    if (port === undefined || fault.kind === 'reset') return void client.resetAndDestroy();
    const upstream = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const connection: Connection = { client, server: upstream, received: 0 };
    connections.add(connection);
    upstream.on('error', () => abort(connection));
    client.once('close', (hadError) => {
      connections.delete(connection);
      if (hadError || !upstream.writableEnded) upstream.destroy();
    });
    upstream.once('close', () => !client.writableEnded && client.destroy());
    void pump(connection, client, upstream);
    void pump(connection, upstream, client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const set = (next: ProxyFault) => {
    fault = next;
    for (const connection of connections) connection.received = 0;
    changed.resolve();
    changed = Promise.withResolvers();
    if (fault.kind === 'reset') for (const connection of connections) abort(connection);
  };
  return {
    port: (server.address() as AddressInfo).port,
    set,
    reset(choose = () => 0, share = 1) {
      const chosen = [...connections].filter(() => choose() < share);
      for (const connection of chosen) abort(connection);
      return chosen.length;
    },
    halfClose() {
      for (const { client } of connections) client.end();
      return connections.size;
    },
    open: () => connections.size,
    async [Symbol.asyncDispose]() {
      server.close();
      set({ kind: 'reset' });
      await once(server, 'close');
    },
  };
}

async function write(to: Socket, chunk: Buffer): Promise<void> {
  if (to.destroyed || to.writableEnded || to.write(chunk)) return;
  await Promise.race([once(to, 'drain'), once(to, 'close')]);
}
