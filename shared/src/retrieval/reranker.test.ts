import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { openReranker } from './reranker.ts';

describe('reranker', () => {
  it('sends what every such server understands, and reads their scores', async () => {
    await using server = await serve((_request, response) =>
      response.end(
        JSON.stringify({
          id: 'x',
          results: [
            { index: 1, relevance_score: 0.9, document: { text: 'b' } },
            { index: 0, relevance_score: -0.2 },
          ],
          meta: {},
        }),
      ),
    );
    const { reranker, lines } = open(server.url, { model: 'm', apiKey: 'secret-key' });
    const ranks = await reranker.rank('问题', ['a', 'b']);
    assert.deepEqual(
      ranks,
      new Map([
        [1, 0.9],
        [0, -0.2],
      ]),
    );
    assert.deepEqual(server.requests, [{ model: 'm', query: '问题', documents: ['a', 'b'], top_n: 2 }]);
    assert.equal(server.headers[0]?.authorization, 'Bearer secret-key');
    assert.deepEqual(lines, []);
  });

  it('gives nothing, and a line in the log, when the endpoint fails in any way', async () => {
    const answers: RequestListener[] = [
      (_request, response) => response.writeHead(500).end('the words of the provider'),
      (_request, response) => response.end('no JSON'),
      (_request, response) => response.end('{"results":[]}'),
      (_request, response) => response.end('{"results":[{"index":7,"relevance_score":1}]}'),
      (_request, response) => response.end('{"results":[{"index":0,"relevance_score":"high"}]}'),
      (_request, response) => response.destroy(),
      () => {},
    ];
    for (const answer of answers) {
      await using server = await serve(answer);
      const { reranker, lines } = open(server.url, { apiKey: 'secret-key', timeoutMs: 200 });
      assert.equal(await reranker.rank('q', ['a']), undefined);
      assert.equal(lines.length, 1);
      assert.doesNotMatch(JSON.stringify(lines), /secret-key|words of the provider/);
    }
  });

  it('ends with the caller', async () => {
    await using server = await serve(() => {});
    const { reranker, lines } = open(server.url);
    const stop = new AbortController();
    const ranking = reranker.rank('q', ['a'], stop.signal);
    stop.abort(new Error('the caller left'));
    await assert.rejects(ranking, /the caller left/);
    assert.deepEqual(lines, []);
  });

  it('is not there without an address', () => {
    assert.equal(openReranker({ timeoutMs: 1 }, { warn: () => {} }), undefined);
  });
});

function open(url: string, more: { model?: string; apiKey?: string; timeoutMs?: number } = {}) {
  const lines: unknown[] = [];
  const reranker = openReranker(
    { url, timeoutMs: 5_000, ...more },
    { warn: (line: unknown) => lines.push(line) },
  );
  assert.ok(reranker);
  return { reranker, lines };
}

async function serve(answer: RequestListener) {
  const requests: unknown[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const server = createServer(async (request, response) => {
    requests.push(JSON.parse(Buffer.concat(await request.toArray()).toString()));
    headers.push(request.headers);
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/rerank`,
    requests,
    headers,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
