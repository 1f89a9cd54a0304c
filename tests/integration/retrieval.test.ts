import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { z } from 'zod';
import type { Source, Usage } from '@sluice/shared/contracts/events';
import type { searchAnswerSchema } from '@sluice/shared/contracts/knowledge';
import { collectEvents, dataOf, errorOf, postJson } from '../helpers/api.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

type SearchAnswer = z.infer<typeof searchAnswerSchema>;
interface Answer {
  content: string;
  sources: Source[];
  usage: Usage;
}

const FOGHORN =
  'The foghorn of the northern station was replaced in 1931 by a compressed air siren that is heard at a distance of eleven miles.';
const paragraphs = (about: string) =>
  Array.from({ length: 12 }, (_, i) =>
    `Paragraph ${i} tells of ${about} number ${i}. `.repeat(9).trim(),
  ).join('\n\n');

describe('retrieval', () => {
  let stack: TestStack;
  let reranker: Awaited<ReturnType<typeof startReranker>>;
  const ids = new Map<string, string>();

  before(async () => {
    reranker = await startReranker();
    stack = await startStack({ env: { RERANK_URL: reranker.url, SOURCES_TOKEN_BUDGET: '400' } });
    for (const name of ['station', 'tea']) {
      const created = await fetch(`${stack.url}/api/knowledge/collections/${name}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: '{}',
      });
      assert.equal(created.status, 200);
    }
    await upload('keeper.txt', paragraphs('the keeper and his lamp'));
    await upload('foghorn.txt', FOGHORN, {
      collection: 'station',
      metadata: { year: 1931, team: ['a', 'b'] },
    });
    await upload('foghorn again.txt', `${FOGHORN} `.toUpperCase(), {
      collection: 'station',
      metadata: { year: 1932 },
    });
    await upload('茶.md', '# 茶\n\n龙井茶产于杭州西湖一带。\n\n普洱茶产于云南，越陈越香。\n', {
      collection: 'tea',
    });
  });
  after(async () => {
    await stack[Symbol.asyncDispose]();
    await reranker[Symbol.asyncDispose]();
  });

  async function upload(name: string, text: string, fields: { collection?: string; metadata?: object } = {}) {
    const form = new FormData();
    if (fields.collection) form.append('collection', fields.collection);
    if (fields.metadata) form.append('metadata', JSON.stringify(fields.metadata));
    form.append('file', new File([text], name));
    const response = await fetch(`${stack.url}/api/knowledge/upload`, {
      method: 'POST',
      body: form,
      headers: { prefer: 'wait=60' },
    });
    ids.set(name, (await dataOf<{ id: string }>(response)).id);
  }
  const search = async (query: string, options: object = {}) =>
    dataOf<SearchAnswer>(await postJson(`${stack.url}/api/knowledge/search`, { query, ...options }));
  const ask = async (turns: readonly string[], knowledge: object | boolean = true) => {
    const messages = turns.map((content, i) => ({ role: i % 2 ? 'assistant' : 'user', content }));
    return dataOf<Answer>(await postJson(`${stack.url}/api/chat`, { messages, knowledge }));
  };
  const namesOf = (sources: { filename: string }[]) => sources.map(({ filename }) => filename).toSorted();

  it('keeps to collections and metadata, in search and in chat', async () => {
    for (const [filter, names] of [
      [{ collections: ['tea'] }, ['茶.md']],
      [{ metadata: { year: 1931 } }, ['foghorn.txt']],
      [{ metadata: { year: [String(1931), '1932'], team: 'b' } }, ['foghorn.txt']],
      [{ collections: ['tea'], metadata: { year: 1931 } }, []],
    ] as const) {
      assert.deepEqual(namesOf((await search('foghorn 茶', filter)).results), names);
      assert.deepEqual(namesOf((await ask(['foghorn 茶'], filter)).sources), names);
    }
  });

  it('joins a hit with its neighbours, at exact offsets, or leaves them where they are', async () => {
    const documents = [ids.get('keeper.txt')];
    const text = await (await fetch(`${stack.url}/api/knowledge/documents/${documents[0]}/text`)).text();
    const query = 'keeper lamp number 5';
    const [alone] = (await search(query, { documents, top_k: 1, neighbours: false })).results;
    const [joined] = (await search(query, { documents, top_k: 1 })).results;
    assert.ok(alone && joined);
    assert.ok(joined.start < alone.start && joined.end > alone.end, `${joined.start}-${joined.end}`);
    assert.equal(joined.chunk_index, alone.chunk_index);
    for (const { start, end, text: own } of [alone, joined]) assert.equal(own, text.slice(start, end));
    const { results } = await search(query, { documents, top_k: 50 });
    assert.equal(results.length, 1, 'all of a document is one passage');
    assert.equal(results[0]?.text, text.trim());
  });

  it('drops what says the same, and says how much', async () => {
    const { results, dropped } = await search('When was the foghorn replaced?', { collections: ['station'] });
    assert.equal(results.length, 1);
    assert.deepEqual(dropped, { min_score: 0, near_duplicate: 1, token_budget: 0 });
  });

  it('searches by meaning, by words or by both, with the score of each stage', async () => {
    const query = 'foghorn replaced compressed air siren';
    const [hybrid] = (await search(query)).results;
    assert.ok(hybrid?.scores.dense && hybrid.scores.lexical && hybrid.scores.fused === hybrid.score);
    const [dense] = (await search(query, { mode: 'dense' })).results;
    assert.ok(dense?.scores.dense && dense.scores.lexical === undefined);
    const asked = stack.model.requests.total;
    const [lexical] = (await search(query, { mode: 'lexical' })).results;
    assert.ok(lexical?.scores.lexical && lexical.scores.dense === undefined);
    assert.equal(stack.model.requests.total, asked, 'words need no model');
    const refused = await postJson(`${stack.url}/api/knowledge/search`, {
      query,
      mode: 'lexical',
      min_score: 0.5,
    });
    assert.equal((await errorOf(refused)).code, 'invalid_request');
  });

  it('takes the order of the reranker while there is one, and the order before when it fails', async () => {
    const before = await search('foghorn lamp 茶');
    assert.equal(before.reranked, false);
    reranker.isUp = true;
    try {
      const { results, reranked } = await search('foghorn lamp 茶', { neighbours: false });
      assert.equal(reranked, true);
      assert.equal(results[0]?.filename, '茶.md', 'the shortest text is its favourite');
      assert.equal(results[0]?.score, results[0]?.scores.rerank);
      const off = await search('foghorn lamp 茶', { rerank: false });
      assert.deepEqual([off.reranked, off.results], [false, before.results]);
      assert.equal((await ask(['foghorn lamp 茶'])).sources[0]?.filename, '茶.md');
    } finally {
      reranker.isUp = false;
    }
  });

  it('searches for a follow-up question together with what it refers to', async () => {
    const english = ['When was the foghorn replaced?', 'In 1931.', 'At what distance is it heard?'];
    assert.match((await ask(english)).content, /eleven miles/i);
    const chinese = ['普洱茶产于哪里？', '云南。', '它越陈会怎样？'];
    const { content, sources } = await ask(chinese, { top_k: 1 });
    assert.equal(sources[0]?.filename, '茶.md');
    assert.match(content, /越陈越香/);
  });

  it('gives the model no more than the budget', async () => {
    const { sources } = await ask(['keeper lamp number 5'], {
      top_k: 20,
      documents: [ids.get('keeper.txt')],
    });
    const characters = sources.reduce((sum, { text }) => sum + text.length, 0);
    assert.ok(characters > 600 && characters <= 1_600, `${characters} characters are about 400 tokens`);
  });

  it('shows that nothing was found, and says so in the language of the question', async () => {
    for (const [question, words] of [
      ['What is the speed of light?', /documents do not answer/],
      ['光速是多少？', /您的文档没有回答/],
    ] as const) {
      const response = await postJson(`${stack.url}/api/chat`, {
        stream: true,
        messages: [{ role: 'user', content: question }],
        knowledge: { min_score: 0.9 },
      });
      const events = await collectEvents(response);
      const record = events.find(({ event }) => event === 'sources');
      assert.deepEqual((JSON.parse(record?.data ?? '') as { sources: unknown }).sources, []);
      assert.match(events.map(({ data }) => data).join(''), words);
    }
  });
});

/** A `/rerank` server to whom the shortest text is the most relevant; it fails until it is up. */
async function startReranker() {
  const state = { isUp: false };
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    if (!state.isUp) return void response.writeHead(503).end();
    const { documents } = JSON.parse(body) as { documents: string[] };
    const results = documents.map((text, index) => ({ index, relevance_score: 1 / text.length }));
    response.end(JSON.stringify({ results }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(state, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/rerank`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
