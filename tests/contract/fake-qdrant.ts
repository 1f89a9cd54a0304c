import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** A request that the fake received. */
export interface RecordedRequest {
  method: string;
  /** Without the query string. */
  path: string;
  query: URLSearchParams;
  apiKey: string | undefined;
  /** Parsed JSON; undefined when there was none. */
  body: unknown;
}

/** What the fake answers; `result` goes into Qdrant's envelope, `error` makes it an error answer. */
export interface FakeAnswer {
  status?: number;
  headers?: Record<string, string>;
  result?: unknown;
  error?: string;
}

/** An HTTP server that records what it is asked and plays back the least that the Qdrant client accepts. */
export interface FakeQdrant extends AsyncDisposable {
  url: string;
  requests: RecordedRequest[];
  /** Answers every request that `answer` returns something for; the others get the usual answer. */
  answerWith(answer: (request: RecordedRequest) => FakeAnswer | undefined): void;
}

/** Starts the fake on a free port of the loopback interface. */
export async function startFakeQdrant(): Promise<FakeQdrant> {
  const requests: RecordedRequest[] = [];
  let override: (request: RecordedRequest) => FakeAnswer | undefined = () => undefined;
  const server = createServer((incoming, response) => {
    void record(incoming).then((request) => {
      requests.push(request);
      const { status = 200, headers, result, error } = override(request) ?? { result: findResult(request) };
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify({ time: 0, status: error === undefined ? 'ok' : { error }, result }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answerWith(answer) {
      override = answer;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function record(incoming: IncomingMessage): Promise<RecordedRequest> {
  const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://fake');
  const apiKey = incoming.headers['api-key'];
  return {
    method: incoming.method ?? '',
    path: pathname,
    query: searchParams,
    apiKey: typeof apiKey === 'string' ? apiKey : undefined,
    body: incoming.method === 'GET' ? undefined : await json(incoming),
  };
}

function findResult({ method, path, body }: RecordedRequest): unknown {
  const update = { operation_id: 1, status: 'completed' };
  if (path.endsWith('/exists')) return { exists: false };
  if (path.endsWith('/points/scroll')) return { points: [], next_page_offset: null };
  if (path.endsWith('/points/count')) return { count: 0 };
  if (path.endsWith('/points/batch')) return (body as { operations: unknown[] }).operations.map(() => update);
  if (path.endsWith('/query/batch')) {
    return (body as { searches: unknown[] }).searches.map(() => ({ points: [] }));
  }
  return method === 'PUT' && /^\/collections\/[^/]+$/.test(path) ? true : update;
}
