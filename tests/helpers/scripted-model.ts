import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

/** An OpenAI-compatible server whose every answer is scripted. */
export interface ScriptedModel extends AsyncDisposable {
  /** Base URL. */
  url: string;
  /** The bodies of the requests so far, and when each came (`performance.now()`). */
  requests: { body: Record<string, unknown>; at: number; headers: IncomingMessage['headers'] }[];
  /** Responses that have neither ended nor been closed. */
  open(): number;
}

/** Starts a model; its last listener answers all further requests. */
export async function startScriptedModel(...script: RequestListener[]): Promise<ScriptedModel> {
  const requests: ScriptedModel['requests'] = [];
  let open = 0;
  let taken = 0;
  const server = createServer(async (request, response) => {
    const at = performance.now();
    const listener = script[Math.min(taken++, script.length - 1)];
    open += 1;
    response.once('close', () => (open -= 1));
    const text = Buffer.concat(await request.toArray()).toString();
    requests.push({ body: JSON.parse(text) as Record<string, unknown>, at, headers: request.headers });
    listener?.(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    open: () => open,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** One chunk of a streamed answer. */
export function chunk(delta: object, finish: string | null = null): string {
  const choices = [{ index: 0, delta, finish_reason: finish }];
  return `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', created: 0, model: 'm', choices })}\n\n`;
}

/** Begins a streamed answer with these chunks, and leaves it open. */
export function begin(response: ServerResponse, ...chunks: string[]): ServerResponse {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  if (chunks.length > 0) response.write(chunks.join(''));
  return response;
}

/** Answers with a text, whole. */
export function answer(text: string): RequestListener {
  return (_request, response) =>
    void begin(response, chunk({ content: text }), chunk({}, 'stop')).end('data: [DONE]\n\n');
}

/** Answers with an error. */
export function refuse(
  status: number,
  headers: Record<string, string> = {},
  error: object = { message: 'the words of the provider' },
): RequestListener {
  return (_request, response) =>
    void response
      .writeHead(status, { 'content-type': 'application/json', ...headers })
      .end(JSON.stringify({ error }));
}

/** Takes the request and says nothing, not even headers. */
export const saySilence: RequestListener = () => {};

/** A listening socket that accepts no connection: its backlog is full, so the kernel drops each further SYN. */
export async function startBlackHole(): Promise<{ url: string } & AsyncDisposable> {
  const worker = new Worker(
    `const { createServer } = require('node:net');
     const { parentPort } = require('node:worker_threads');
     const server = createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
     });`,
    { eval: true },
  );
  const [port] = (await once(worker, 'message')) as [number];
  const sockets: Socket[] = [];
  for (let connected = true; connected;) {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    sockets.push(socket);
    connected = await Promise.race([once(socket, 'connect').then(() => true), sleep(300, false)]);
  }
  return {
    url: `http://127.0.0.1:${port}/v1`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await worker.terminate();
    },
  };
}
