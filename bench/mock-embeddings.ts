/**
 * An OpenAI-compatible embeddings endpoint with a set latency (first argument, in milliseconds), which costs next to
 * nothing itself: every vector is one of a few that are written beforehand.
 */
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { readBody, serve } from './serve.ts';

const LATENCY_MS = Number(process.argv[2] ?? 0);
const DIMENSIONS = 384;
const VARIANTS = 64;
const vectors = Array.from({ length: VARIANTS }, (_, variant) =>
  JSON.stringify(
    Array.from({ length: DIMENSIONS }, (__, i) => Number(Math.sin(variant * DIMENSIONS + i).toFixed(4))),
  ),
);

let next = 0;
const server = createServer((request, response) => {
  void readBody(request).then(async (body) => {
    const { input } = JSON.parse(body) as { input: string | string[] };
    const count = Array.isArray(input) ? input.length : 1;
    const data = Array.from(
      { length: count },
      (_, index) =>
        `{"object":"embedding","index":${index},"embedding":${vectors[(next = (next + 1) % VARIANTS)]}}`,
    );
    await delay(LATENCY_MS);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(
      `{"object":"list","model":"bench","data":[${data.join(',')}],"usage":{"prompt_tokens":0,"total_tokens":0}}`,
    );
  });
});
server.keepAliveTimeout = 60_000;
await serve(server);
