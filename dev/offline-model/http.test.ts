import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { startEvents, writeEvent } from './http.ts';

test('writeEvent holds back a writer whose reader is slow, and loses nothing', async (t) => {
  const event = 'x'.repeat(16_000);
  const events = 2000;
  let mostWaiting = 0;
  const server = createServer((_, response) => {
    void (async () => {
      startEvents(response);
      for (let i = 0; i < events; i++) {
        await writeEvent(response, event, AbortSignal.timeout(30_000));
        mostWaiting = Math.max(mostWaiting, response.writableLength);
      }
      response.end();
    })();
  }).listen(0, '127.0.0.1');
  t.after(() => server.close().closeAllConnections());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const [response] = (await once(get({ port, host: '127.0.0.1' }), 'response')) as [IncomingMessage];
  let received = 0;
  for await (const part of response as AsyncIterable<Buffer>) received += part.length;
  assert.equal(received, events * (event.length + 'data: \n\n'.length));
  assert.ok(mostWaiting < 1024 * 1024, `${mostWaiting} bytes waited in memory`);
});

test('writeEvent gives up when the reader goes away', async (t) => {
  const gone = new AbortController();
  const { promise: ended, resolve } = Promise.withResolvers<unknown>();
  const server = createServer((_, response) => {
    void (async () => {
      startEvents(response);
      for (;;) await writeEvent(response, 'x'.repeat(16_000), gone.signal);
    })().catch(resolve);
    response.once('close', () => gone.abort());
  }).listen(0, '127.0.0.1');
  t.after(() => server.close().closeAllConnections());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const [response] = (await once(get({ port, host: '127.0.0.1' }), 'response')) as [IncomingMessage];
  response.destroy();
  assert.equal(((await ended) as Error).name, 'AbortError');
});
