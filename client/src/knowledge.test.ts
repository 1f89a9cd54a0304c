import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { beginStream, refuse, startScriptedServer, succeed } from '../test/scripted-server.ts';
import { createClient } from './index.ts';
import type { UploadProgress } from './index.ts';

const HASTE = { minDelayMs: 1, maxDelayMs: 5 };
const PROGRESS = 'id: 1-2\nevent: progress\ndata: {"stage":"embed","done":1,"total":2,"content":""}\n\n';
const uploaded = (filename: string, status = 'queued') => ({
  id: `doc_${filename}`,
  filename,
  hash: 'h',
  status,
});

describe('knowledge', () => {
  it('gives the pages of the list as one sequence, and asks for no page too early', async () => {
    await using server = await startScriptedServer((request, response) => {
      const { searchParams } = new URL(request.path, server.url);
      const page = Number(searchParams.get('cursor') ?? 1);
      succeed(response, {
        documents: [{ id: `${page}a` }, { id: `${page}b` }],
        total: 6,
        ...(page < 3 && { next_cursor: String(page + 1) }),
      });
    });
    const { knowledge } = createClient({ baseUrl: server.url });
    const ids: string[] = [];
    for await (const { id } of knowledge.listAll({ limit: 2 })) {
      ids.push(id);
      assert.equal(server.requests.length, Math.ceil(ids.length / 2));
    }
    assert.deepEqual(ids, ['1a', '1b', '2a', '2b', '3a', '3b']);
    assert.equal(server.requests[1]?.path, '/api/knowledge/documents?limit=2&cursor=2');
  });

  it('waits for an upload over broken connections, and tells the progress once', async () => {
    await using server = await startScriptedServer((request, response) => {
      if (request.method === 'POST') {
        if (server.requests.length === 1) return void response.destroy();
        return succeed(response, uploaded('a.txt'), 202);
      }
      if (!request.path.endsWith('/events')) return succeed(response, { status: 'ready', chunks: 4 });
      if (request.headers['last-event-id'] === undefined) {
        beginStream(response, PROGRESS);
        return void setImmediate(() => response.destroy());
      }
      beginStream(
        response,
        `${PROGRESS}id: 1-3\nevent: done\ndata: {"finish_reason":"indexed","chunks":4}\n\n`,
      );
    });
    const { knowledge } = createClient({ baseUrl: server.url, retry: HASTE });
    const progress: UploadProgress[] = [];
    const result = await knowledge.upload(
      { name: 'a.txt', content: '文' },
      { wait: true, onProgress: (step) => progress.push(step) },
    );
    assert.deepEqual(result, { ...uploaded('a.txt', 'ready'), chunks: 4 });
    assert.deepEqual(progress, [{ id: 'doc_a.txt', filename: 'a.txt', stage: 'embed', done: 1, total: 2 }]);
    assert.match(server.requests[1]?.body ?? '', /name="file"; filename="a.txt"[^]*文/);
  });

  it('throws what is wrong with one file, and lists it among several', async () => {
    await using server = await startScriptedServer((request, response) => {
      if (request.path.endsWith('/events'))
        return beginStream(
          response,
          'id: 1-2\nevent: error\ndata: {"error":"No text.","code":"no_text"}\n\n',
        );
      if (request.method === 'GET') return succeed(response, { status: 'ready', chunks: 2 });
      if (!request.body.includes('b.txt')) return refuse(response, 415, 'unsupported_type');
      const refused = { filename: 'a.exe', error: { code: 'unsupported_type', message: 'No.' } };
      succeed(response, [refused, uploaded('b.txt'), uploaded('c.txt', 'ready')], 202);
    });
    const { knowledge } = createClient({ baseUrl: server.url });
    const files = ['a.exe', 'b.txt', 'c.txt'].map((name) => new File(['x'], name));
    const [exe] = files as [File];
    await assert.rejects(knowledge.upload(exe), { code: 'unsupported_type', status: 415 });
    assert.deepEqual(await knowledge.upload([exe]), [
      { filename: 'a.exe', error: { code: 'unsupported_type', message: 'It is unsupported_type.' } },
    ]);
    assert.deepEqual(await knowledge.upload(files, { wait: true }), [
      { filename: 'a.exe', error: { code: 'unsupported_type', message: 'No.' } },
      { filename: 'b.txt', error: { code: 'no_text', message: 'No text.' } },
      { ...uploaded('c.txt', 'ready'), chunks: 2 },
    ]);
    assert.deepEqual(await knowledge.upload([]), []);
  });

  it('does not hide the refusal of the whole upload in a list', async () => {
    await using server = await startScriptedServer((_request, response) =>
      refuse(response, 401, 'unauthorized'),
    );
    const { knowledge } = createClient({ baseUrl: server.url });
    await assert.rejects(knowledge.upload([new File(['x'], 'a.txt')]), { code: 'unauthorized' });
  });

  it('names the collection of a list in every page', async () => {
    await using server = await startScriptedServer((_request, response) =>
      succeed(response, {
        documents: [{}],
        total: 2,
        ...(server.requests.length === 1 && { next_cursor: '1' }),
      }),
    );
    const { knowledge } = createClient({ baseUrl: server.url });
    assert.equal((await Array.fromAsync(knowledge.listAll({ collection: 'hr' }))).length, 2);
    assert.deepEqual(
      server.requests.map(({ path }) => path),
      ['/api/knowledge/documents?collection=hr', '/api/knowledge/documents?cursor=1&collection=hr'],
    );
  });

  it('gives what a search left out, or the results alone', async () => {
    const dropped = { min_score: 1, near_duplicate: 0, token_budget: 0 };
    const answer = { results: [{ n: 1 }], reranked: true, dropped };
    await using server = await startScriptedServer((_request, response) => succeed(response, answer));
    const { knowledge } = createClient({ baseUrl: server.url });
    assert.deepEqual(await knowledge.retrieve({ query: '茶', mode: 'dense' }), answer);
    assert.deepEqual(await knowledge.search({ query: '茶' }), answer.results);
    assert.deepEqual(JSON.parse(server.requests[0]?.body ?? ''), { query: '茶', mode: 'dense' });
  });

  it('ingests again, describes, and keeps collections', async () => {
    await using server = await startScriptedServer((request, response) =>
      succeed(
        response,
        request.path.endsWith('/collections') ? { collections: [{ name: 'hr' }] } : { id: 'x' },
      ),
    );
    const { knowledge, collections } = createClient({ baseUrl: server.url });
    assert.deepEqual(await knowledge.reingest('doc_1'), { id: 'x' });
    await knowledge.describe('doc_1', { year: 2026 });
    assert.deepEqual(await collections.list(), [{ name: 'hr' }]);
    await collections.put('hr', { description: '人事' });
    await collections.get('a/b');
    await collections.delete('hr');
    assert.deepEqual(
      server.requests.map(({ method, path, body }) => [method, path, body]),
      [
        ['POST', '/api/knowledge/documents/doc_1/reingest', ''],
        ['PATCH', '/api/knowledge/documents/doc_1', '{"metadata":{"year":2026}}'],
        ['GET', '/api/knowledge/collections', ''],
        ['PUT', '/api/knowledge/collections/hr', '{"description":"人事"}'],
        ['GET', '/api/knowledge/collections/a%2Fb', ''],
        ['DELETE', '/api/knowledge/collections/hr', ''],
      ],
    );
  });

  it('encodes ids', async () => {
    await using server = await startScriptedServer((_request, response) => succeed(response, {}));
    const { knowledge } = createClient({ baseUrl: server.url });
    await knowledge.delete('a/b?c');
    assert.equal(server.requests[0]?.path, '/api/knowledge/documents/a%2Fb%3Fc');
    assert.equal(server.requests[0]?.method, 'DELETE');
  });
});
