import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { waitFor } from '../../tests/helpers/poll.ts';
import { CHAT_ID, EVENTS, renderStream, TEXT } from '../test/recorded-chat.ts';
import { beginStream, startScriptedServer, succeed } from '../test/scripted-server.ts';
import { createClient } from './index.ts';
import type { ChatEvent } from './index.ts';

const QUESTION = { messages: [{ role: 'user' as const, content: 'Hello?' }] };
const HALF = renderStream().split('id: 2-1\n', 1)[0] ?? '';
const HEAD = { 'x-chat-id': CHAT_ID };
const STATE = { id: CHAT_ID, status: 'done', content: TEXT, finish_reason: 'stop' };

/** A client whose server sends `bytes` in pieces of `size`. */
function clientOf(bytes: Uint8Array, size: number) {
  const fetchPieces = async () => {
    let at = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at >= bytes.length) return controller.close();
        controller.enqueue(bytes.slice(at, (at += size)));
      },
    });
    return new Response(body, { headers: { 'content-type': 'text/event-stream', ...HEAD } });
  };
  return createClient({ baseUrl: '', fetch: fetchPieces });
}

async function collect(stream: AsyncIterable<ChatEvent>): Promise<ChatEvent[]> {
  const events: ChatEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

/** A server that sends the beginning of the recorded chat and then nothing. */
const startHalfway = (onStream: (response: ServerResponse) => void) =>
  startScriptedServer((_request, response) => {
    beginStream(response, HALF, HEAD);
    onStream(response);
  });

describe('stream', () => {
  it('is the same however its bytes are divided, and whichever line ends it has', async () => {
    const variants = {
      lf: renderStream(),
      crlf: renderStream().replaceAll('\n', '\r\n'),
      cr: renderStream().replaceAll('\n', '\r'),
      'a byte order mark, comments and unknown events': `\uFEFF: hello\n\n${renderStream().replaceAll(
        '\n\n',
        '\n\n: keep-alive\n\nevent: of_tomorrow\ndata: {"content":""}\n\n',
      )}`,
    };
    for (const [name, text] of Object.entries(variants)) {
      const bytes = new TextEncoder().encode(text);
      for (const size of [1, 2, 3, 7, 64, bytes.length])
        assert.deepEqual(
          await collect(clientOf(bytes, size).chat.stream(QUESTION)),
          EVENTS,
          `${name}, ${size}`,
        );
    }
  });

  it('gives the text, and the final state', async () => {
    await using server = await startScriptedServer((request, response) => {
      if (request.method === 'GET') return succeed(response, STATE);
      beginStream(response, renderStream(), HEAD);
      response.end();
    });
    const { chat } = createClient({ baseUrl: `${server.url}/`, apiKey: 'secret' });
    const stream = chat.stream(QUESTION);
    assert.equal(await stream.text(), TEXT);
    assert.deepEqual(await stream.final(), STATE);
    assert.equal(await stream.text(), TEXT, 'again');
    assert.throws(() => stream[Symbol.asyncIterator](), TypeError);
    const { status: _status, ...answer } = STATE;
    assert.deepEqual(await chat.create(QUESTION), answer);
    for (const { headers } of server.requests) assert.equal(headers.authorization, 'Bearer secret');
  });

  it('forgets the text that a reset made void', async () => {
    const frames =
      'id: 1-1\ndata: {"content":"wrong"}\n\nid: 2-1\nevent: reset\ndata: {"attempt":2,"content":""}\n\nid: 2-2\ndata: {"content":"right"}\n\nid: 2-3\ndata: [DONE]\n\n';
    assert.equal(await clientOf(new TextEncoder().encode(frames), 50).chat.stream(QUESTION).text(), 'right');
  });

  it('throws the failure of a chat after the events before it', async () => {
    const frames =
      'id: 1-1\ndata: {"content":"Half an ans"}\n\nid: 1-2\nevent: error\ndata: {"error":"The model is away.","code":"model_unavailable","content":""}\n\n';
    const stream = clientOf(new TextEncoder().encode(frames), 500).chat.stream(QUESTION);
    const seen: string[] = [];
    const failure = {
      name: 'SluiceApiError',
      code: 'model_unavailable',
      message: 'The model is away.',
      status: undefined,
    };
    await assert.rejects(async () => {
      for await (const event of stream) seen.push(event.type);
    }, failure);
    assert.deepEqual(seen, ['accepted', 'content']);
    await assert.rejects(stream.text(), failure);
    await assert.rejects(stream.final(), failure);
  });

  it('throws the failure of a chat that it finds to have ended before', async () => {
    const error = { code: 'model_unavailable', message: 'The model is away.' };
    await using server = await startScriptedServer((request, response) => {
      if (request.path.endsWith('/events')) return void response.writeHead(204).end();
      succeed(response, { id: CHAT_ID, status: 'failed', content: '', error });
    });
    const { chat } = createClient({ baseUrl: server.url });
    await assert.rejects(chat.resume(CHAT_ID, { after: '1-2' }).final(), error);
  });

  it('says so when what answers is not Sluice', async () => {
    await using server = await startScriptedServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<p>Welcome</p>');
    });
    const { chat } = createClient({ baseUrl: server.url });
    await assert.rejects(chat.stream(QUESTION).text(), {
      code: 'unexpected_response',
      message: /text\/html/,
    });
    await assert.rejects(chat.get('x'), { code: 'unexpected_response', message: /base URL/ });
  });

  it('closes the connection on break, without cancelling the chat', async () => {
    const closed = Promise.withResolvers<void>();
    await using server = await startHalfway((response) => response.once('close', closed.resolve));
    const stream = createClient({ baseUrl: server.url }).chat.stream(QUESTION);
    for await (const event of stream) if (event.type === 'content') break;
    await closed.promise;
    await assert.rejects(stream.text(), { name: 'AbortError', message: /left before its end/ });
    assert.equal(server.requests.length, 1);
  });

  it('can be left while the next event is awaited', async () => {
    const closed = Promise.withResolvers<void>();
    await using server = await startHalfway((response) => response.once('close', closed.resolve));
    const events = createClient({ baseUrl: server.url }).chat.stream(QUESTION)[Symbol.asyncIterator]();
    for (let event; event?.cursor !== '1-4';) event = (await events.next()).value as ChatEvent;
    const pending = events.next();
    await events.return?.();
    assert.equal((await pending).done, true);
    await closed.promise;
  });

  it('throws the reason of its signal, whenever that aborts, and closes the connection', async () => {
    const closed = Promise.withResolvers<void>();
    await using server = await startHalfway((response) => response.once('close', closed.resolve));
    const { chat } = createClient({ baseUrl: server.url });
    const reason = new Error('The page was left.');
    const controller = new AbortController();
    const stream = chat.stream(QUESTION, { signal: controller.signal });
    await assert.rejects(async () => {
      for await (const event of stream) if (event.type === 'content') controller.abort(reason);
    }, reason);
    await closed.promise;
    assert.equal(server.requests.length, 1);
    const late = chat.stream(QUESTION, { signal: AbortSignal.abort(reason) });
    await assert.rejects(late.text(), reason);
    await assert.rejects(late.id, reason);
    assert.equal(server.requests.length, 1, 'nothing was sent');
  });

  it('stops waiting for a server that is away when its signal aborts', async () => {
    await using server = await startScriptedServer((_request, response) => void response.destroy());
    const retry = { minDelayMs: 60_000, maxDelayMs: 60_000 };
    const { chat } = createClient({ baseUrl: server.url, retry });
    const controller = new AbortController();
    const text = chat.stream(QUESTION, { signal: controller.signal }).text();
    await waitFor(() => server.requests.length > 0, { what: 'the request' });
    controller.abort(new Error('Enough.'));
    await assert.rejects(text, /Enough/);
  });

  it('cancels the chat only when told to', async () => {
    let streaming: ServerResponse | undefined;
    await using server = await startScriptedServer((request, response) => {
      if (!request.path.endsWith('/cancel')) {
        streaming = response;
        return beginStream(response, HALF, HEAD);
      }
      succeed(response, { id: CHAT_ID, status: 'cancelled' });
      streaming?.end('id: 3-1\nevent: cancelled\ndata: {"content":""}\n\n');
    });
    const stream = createClient({ baseUrl: server.url }).chat.stream(QUESTION);
    const types: string[] = [];
    for await (const event of stream) {
      types.push(event.type);
      if (event.type === 'content') await stream.cancel();
    }
    assert.equal(types.at(-1), 'cancelled');
    const { method, path } = server.requests.at(-1) ?? {};
    assert.deepEqual([method, path], ['POST', `/api/chat/${CHAT_ID}/cancel`]);
  });
});
