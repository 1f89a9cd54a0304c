import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { embedText } from '../../dev/offline-model/embedding.ts';

/** An OpenAI-compatible embedding endpoint that counts what it is asked to embed. */
export interface CountingEmbedder extends AsyncDisposable {
  /** Base URL. */
  url: string;
  /** Requests that came so far. */
  readonly requests: number;
  /** Texts in them, those that came again included. */
  readonly texts: number;
  readonly distinctTexts: number;
  /** Milliseconds that each request takes. */
  delayMs: number;
}

/**
 * Starts an endpoint whose vectors are those of the offline model, each request after `delayMs`.
 *
 * @param options.refuse gives the status and headers of an error, for requests that are to get one
 */
export async function startCountingEmbedder(options: {
  dimensions: number;
  delayMs: number;
  refuse?: (input: string[]) => { status: number; headers?: Record<string, string> } | undefined;
}): Promise<CountingEmbedder> {
  let [requests, texts] = [0, 0];
  const distinct = new Set<string>();
  const server = createServer(async (request, response) => {
    try {
      const { input } = JSON.parse(Buffer.concat(await request.toArray()).toString()) as { input: string[] };
      requests += 1;
      texts += input.length;
      for (const text of input) distinct.add(text);
      const refusal = options.refuse?.(input);
      if (refusal) {
        response.writeHead(refusal.status, { 'content-type': 'application/json', ...refusal.headers });
        return void response.end('{"error":{"message":"refused"}}');
      }
      await delay(embedder.delayMs);
      const data = input.map((text, index) => ({
        index,
        embedding: [...embedText(text, options.dimensions)],
      }));
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data }));
    } catch {
      // Whoever asked is gone.
      response.destroy();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const embedder: CountingEmbedder = {
    delayMs: options.delayMs,
    url: `http://127.0.0.1:${port}/v1`,
    get requests() {
      return requests;
    },
    get texts() {
      return texts;
    },
    get distinctTexts() {
      return distinct.size;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return embedder;
}
