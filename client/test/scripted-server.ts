import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as a test looks at it. */
export interface SeenRequest {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  /** Milliseconds since the server was started. */
  at: number;
}

/** A server that does what a test says. */
export interface ScriptedServer extends AsyncDisposable {
  url: string;
  /** Oldest first. */
  requests: SeenRequest[];
}

/** Starts a server on a free port; `answer` does whatever it likes with the response. */
export async function startScriptedServer(
  answer: (request: SeenRequest, response: ServerResponse) => void,
): Promise<ScriptedServer> {
  const begun = performance.now();
  const requests: SeenRequest[] = [];
  const server = createServer(async (incoming, response) => {
    let body = '';
    for await (const chunk of incoming.setEncoding('utf8')) body += chunk;
    const { method = '', url = '', headers } = incoming;
    const request = { method, path: url, headers, body, at: performance.now() - begun };
    requests.push(request);
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Sends the head of a stream, and `bytes` of its body. */
export function beginStream(
  response: ServerResponse,
  bytes: string | Uint8Array,
  headers: Record<string, string> = {},
): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', ...headers });
  response.flushHeaders();
  if (bytes.length > 0) response.write(bytes);
}

/** Sends a refusal in Sluice's shape. */
export function refuse(
  response: ServerResponse,
  status: number,
  code: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  const error = { code, request_id: 'request-1', trace_id: 'trace-1' };
  response.end(JSON.stringify({ code: status, data: null, message: `It is ${code}.`, error }));
}

/** Sends `data` in Sluice's envelope. */
export function succeed(response: ServerResponse, data: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ code: status, data, message: 'success' }));
}
