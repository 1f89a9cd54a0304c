/**
 * Baseline (a): the least that a Node server can do between a model and a client. The text of each token is cut out of
 * the model's frame without parsing it, and what one read brings leaves in one write.
 */
import { Agent, createServer, request as httpRequest } from 'node:http';
import type { ServerResponse } from 'node:http';
import { readBody, serve } from '../serve.ts';

const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
const modelUrl = `${process.argv[2]}/v1/chat/completions`;

const server = createServer((request, response) => {
  void readBody(request).then((body) => pipeAnswer(body, response));
});
server.keepAliveTimeout = 60_000;
await serve(server);

function pipeAnswer(body: string, response: ServerResponse): void {
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const upstream = httpRequest(modelUrl, { method: 'POST', agent, headers }, (answer) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    let rest = '';
    answer.setEncoding('utf8');
    answer.on('data', (chunk: string) => {
      const frames = (rest + chunk).split('\n\n');
      rest = frames.pop() ?? '';
      const text = frames.map(toFrame).join('');
      if (text !== '' && !response.write(text)) {
        answer.pause();
        response.once('drain', () => answer.resume());
      }
    });
    answer.once('end', () => response.end('data: [DONE]\n\n'));
  });
  response.once('close', () => upstream.destroy());
  upstream.once('error', () => response.destroy());
  upstream.end(body);
}

const CONTENT = '"content":"';

function toFrame(frame: string): string {
  const start = frame.indexOf(CONTENT);
  if (start === -1) return '';
  const end = frame.indexOf('"', start + CONTENT.length);
  return `data: {${frame.slice(start, end + 1)}}\n\n`;
}
