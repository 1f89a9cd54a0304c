import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { registry } from './metrics/registry.ts';

/** A named condition of readiness; rejects with a reason when it does not hold. */
export type ReadinessCheck = () => Promise<void>;

/** What `/readyz` answers. */
export interface Readiness {
  ready: boolean;
  /** `ok`, or why not, by check. */
  checks: Record<string, string>;
}

const CHECK_TIMEOUT_MS = 1_000;

/** Runs all checks at the same time; one that takes over a second has failed. */
export async function checkReadiness(checks: Record<string, ReadinessCheck>): Promise<Readiness> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      const timeout = Promise.withResolvers<never>();
      const timer = setTimeout(
        () => timeout.reject(new Error('no answer within a second')),
        CHECK_TIMEOUT_MS,
      );
      try {
        await Promise.race([check(), timeout.promise]);
        return [name, 'ok'] as const;
      } catch (error) {
        return [name, error instanceof Error ? error.message : String(error)] as const;
      } finally {
        clearTimeout(timer);
      }
    }),
  );
  return { ready: results.every(([, result]) => result === 'ok'), checks: Object.fromEntries(results) };
}

/**
 * A worker's only HTTP: `/healthz` (the process lives), `/readyz` (its checks hold, 503 otherwise) and `/metrics`.
 *
 * @param options.port 0 picks a free one
 * @returns the port that it listens on, and its release
 */
export async function serveHealth(options: {
  host: string;
  port: number;
  checks: Record<string, ReadinessCheck>;
}): Promise<{ port: number } & AsyncDisposable> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0];
    const answer = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (path === '/healthz') return void answer(200, { status: 'ok' });
    if (path === '/metrics') return void sendMetrics(response);
    if (path !== '/readyz') return void answer(404, { status: 'unknown path' });
    checkReadiness(options.checks).then(
      (readiness) => answer(readiness.ready ? 200 : 503, readiness),
      () => answer(500, { status: 'error' }),
    );
  });
  server.listen(options.port, options.host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function sendMetrics(response: ServerResponse): Promise<void> {
  const text = await registry.metrics();
  response.writeHead(200, { 'content-type': registry.contentType }).end(text);
}
