/**
 * An OpenAI-compatible chat model that says nothing, at a given rate. It must not be the bottleneck: frames are built
 * beforehand, with their chunk headers, and go to the socket past `ServerResponse.write`.
 */
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { decodeRequest, plainToken, stampToken } from './answer-plan.ts';
import type { AnswerPlan } from './answer-plan.ts';
import { Pacer } from './pacer.ts';
import { readBody, serve } from './serve.ts';

/** Tokens of one write of a stream without a rate: larger ones let one stream wait for the others. */
const BURST = 16;

const frameOf = (choice: object, more: object = {}) =>
  `data: ${JSON.stringify({
    id: 'chatcmpl-bench',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'bench',
    choices: [{ index: 0, ...choice }],
    ...more,
  })}\n\n`;
const chunkOf = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

const tokenFrame = (token: string) => chunkOf(frameOf({ delta: { content: token }, finish_reason: null }));
const [STAMPED_HEAD = '', STAMPED_TAIL = ''] = tokenFrame('#'.repeat(stampToken().length)).split(/#+/);
const PLAIN = tokenFrame(plainToken());
const PLAIN_BURST = Buffer.from(PLAIN.repeat(BURST));

const endFrames = ({ tokens }: AnswerPlan) => {
  const usage = { prompt_tokens: 10, completion_tokens: tokens, total_tokens: tokens + 10 };
  return chunkOf(frameOf({ delta: {}, finish_reason: 'stop' }, { usage })) + chunkOf('data: [DONE]\n\n');
};

const pacer = new Pacer();
const server = createServer((request, response) => {
  void readBody(request).then((body) => answer(response, decodeRequest(body)));
});
server.keepAliveTimeout = 60_000;
await serve(server);

function answer(response: ServerResponse, plan: AnswerPlan): void {
  const { socket } = response;
  if (socket === null) return;
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
  if (plan.isEndless) return void writeTokens(socket, plan, plan.tokens);
  if (plan.rate > 0) return sendAtRate(response, socket, plan);
  sendAtOnce(response, socket, plan, plan.tokens);
}

function sendAtRate(response: ServerResponse, socket: Socket, plan: AnswerPlan): void {
  let left = plan.tokens;
  pacer.start(1_000 / plan.rate, () => {
    if (response.closed) return false;
    writeTokens(socket, plan, 1);
    left -= 1;
    if (left === 0) finish(response, socket, plan);
    return left > 0;
  });
}

function sendAtOnce(response: ServerResponse, socket: Socket, plan: AnswerPlan, left: number): void {
  if (response.closed) return;
  if (left === 0) return finish(response, socket, plan);
  const count = Math.min(BURST, left);
  const hasRoom = writeTokens(socket, plan, count);
  const goOn = () => sendAtOnce(response, socket, plan, left - count);
  if (hasRoom) setImmediate(goOn);
  else socket.once('drain', goOn);
}

function writeTokens(socket: Socket, plan: AnswerPlan, count: number): boolean {
  if (plan.isStamped)
    return socket.write((STAMPED_HEAD + stampToken() + STAMPED_TAIL).repeat(count), 'latin1');
  return count === BURST ? socket.write(PLAIN_BURST) : socket.write(PLAIN.repeat(count), 'latin1');
}

function finish(response: ServerResponse, socket: Socket, plan: AnswerPlan): void {
  socket.write(endFrames(plan), 'latin1');
  response.end();
}
