import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Source } from '@sluice/shared/contracts/events';
import type { Document } from '@sluice/shared/contracts/knowledge';
import {
  collectEvents,
  contentOf,
  dataOf,
  errorOf,
  postJson,
  readEvents,
  uploadAndWait,
} from '../helpers/api.ts';
import { makePdf } from '../helpers/pdf.ts';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

interface Indexed {
  id: string;
  filename: string;
  hash: string;
  chunks: number;
  status: string;
  duplicate?: boolean;
}
interface Answer {
  content: string;
  sources: Source[];
}

const HANDBOOK = makePdf([
  'Welcome to the lighthouse handbook. It is for the keepers of the northern station and their families.',
  'The lamp burns whale oil from November to March. Each night the keeper winds the clockwork at nine and at three.',
  'The foghorn was replaced in 1931 by a compressed air siren that is heard at a distance of eleven miles.',
]);
const TEA = `# 茶叶手册

## 绿茶

龙井茶产于杭州西湖一带，冲泡时水温以八十度为宜。

## 普洱

普洱茶产于云南，可以存放几十年，越陈越香。
`;

describe('knowledge', () => {
  let stack: TestStack;
  let handbook: Indexed;
  let tea: Indexed;

  before(async () => {
    stack = await startStack();
    const responses = [
      await uploadAndWait(stack.url, 'handbook.pdf', HANDBOOK),
      await uploadAndWait(stack.url, '茶叶手册.md', TEA),
    ];
    for (const response of responses) assert.equal(response.status, 200, stack.services.at(-1)?.logs());
    [handbook, tea] = (await Promise.all(responses.map((response) => dataOf<Indexed>(response)))) as [
      Indexed,
      Indexed,
    ];
  });
  after(() => stack[Symbol.asyncDispose]());

  const ask = async (question: string, knowledge: object | boolean = true) =>
    dataOf<Answer>(
      await postJson(`${stack.url}/api/chat`, { messages: [{ role: 'user', content: question }], knowledge }),
    );
  const get = (path: string) => fetch(`${stack.url}/api/knowledge/${path}`);

  it('answers an upload that waits with file name, chunks and hash, also for Chinese names', () => {
    assert.equal(handbook.filename, 'handbook.pdf');
    assert.match(handbook.hash, /^[0-9a-f]{64}$/);
    assert.ok(handbook.chunks >= 1);
    assert.equal(tea.filename, '茶叶手册.md');
    assert.ok(tea.chunks >= 2, 'a chunk per section at least');
  });

  it('answers from the right document and page, with a citation whose offsets hold', async () => {
    const { content, sources } = await ask('When was the foghorn replaced?');
    assert.match(content, /1931/);
    const cited = [...content.matchAll(/\[(\d+)\]/g)].map((match) =>
      sources.find((source) => source.n === Number(match[1])),
    );
    assert.ok(cited.length > 0, 'it cites');
    assert.equal(cited[0]?.document_id, handbook.id);
    assert.ok(
      cited.some(
        (source) =>
          source && source.page !== undefined && source.page <= 3 && (source.page_end ?? source.page) >= 3,
      ),
    );
    const text = await (await get(`documents/${handbook.id}/text`)).text();
    for (const source of sources.filter(({ document_id }) => document_id === handbook.id)) {
      assert.equal(text.slice(source.start, source.end), source.text);
    }
  });

  it('answers in Chinese from a Chinese document, with the headings above the passage', async () => {
    const { content, sources } = await ask('龙井茶用多少度的水冲泡？');
    assert.match(content, /八十度/);
    const cited = sources.find((source) => source.n === Number(/\[(\d+)\]/.exec(content)?.[1]));
    assert.equal(cited?.document_id, tea.id);
    assert.deepEqual(cited?.headings, ['茶叶手册', '绿茶']);
  });

  it('streams the sources before the answer', async () => {
    const response = await postJson(`${stack.url}/api/chat`, {
      stream: true,
      knowledge: true,
      messages: [{ role: 'user', content: 'When does the keeper wind the clockwork?' }],
    });
    const events = await collectEvents(response);
    const sourcesAt = events.findIndex((event) => event.event === 'sources');
    const firstDelta = events.findIndex((event) => event.event === undefined);
    assert.ok(sourcesAt > 0 && sourcesAt < firstDelta);
    assert.match(contentOf(events), /at nine and at three.*\[\d\]/);
  });

  it('says so when nothing fits, and keeps to the documents asked for', async () => {
    const { sources } = await ask('When was the foghorn replaced?', { documents: [tea.id], top_k: 3 });
    assert.ok(sources.every((source) => source.document_id === tea.id));
    const none = await ask('quantum chromodynamics lattice gauge', { min_score: 0.99 });
    assert.deepEqual(none.sources, []);
    assert.match(none.content, /documents do not answer/);
    assert.doesNotMatch(none.content, /\[\d\]/);
  });

  it('takes the same bytes once, and says so', async () => {
    const response = await uploadAndWait(stack.url, 'another name.pdf', HANDBOOK);
    const again = await dataOf<Indexed>(response);
    assert.deepEqual([again.id, again.duplicate, again.chunks], [handbook.id, true, handbook.chunks]);
    const { total } = await dataOf<{ total: number }>(await get('documents'));
    assert.equal(total, 2);
  });

  it('gives one of several racing uploads of the same bytes to all', async () => {
    const text = 'The same bytes, five times at once.';
    const answers = await Promise.all(
      Array.from({ length: 5 }, (_, i) => uploadAndWait(stack.url, `race-${i}.txt`, text)),
    );
    const results = await Promise.all(answers.map((answer) => dataOf<Indexed>(answer)));
    assert.equal(new Set(results.map(({ id }) => id)).size, 1);
    assert.equal(results.filter(({ duplicate }) => !duplicate).length, 1);
    await fetch(`${stack.url}/api/knowledge/documents/${results[0]?.id}`, { method: 'DELETE' });
  });

  it('answers 202 at once without waiting, and shows the progress to the end', async () => {
    const form = new FormData();
    form.append('file', new File(['A note about the tide tables of the harbour.'], 'tides.txt'));
    const response = await fetch(`${stack.url}/api/knowledge/upload`, { method: 'POST', body: form });
    assert.equal(response.status, 202);
    const accepted = await dataOf<Indexed>(response);
    assert.equal(accepted.status, 'queued');
    const events = await collectEvents(await get(`documents/${accepted.id}/events`));
    const names = events.map((event) => event.event);
    for (const name of ['queued', 'started', 'progress', 'done'])
      assert.ok(names.includes(name), `${name} in ${names.join()}`);
    assert.equal(events.at(-1)?.data, '[DONE]');
    const document = await dataOf<Document>(await get(`documents/${accepted.id}`));
    assert.deepEqual([document.status, document.chunks, document.tenant], ['ready', 1, 'default']);
  });

  it('takes several files in one request; a bad one does not touch the others', async () => {
    const form = new FormData();
    form.append('file', new File(['First of two.'], 'one.txt'));
    form.append('file', new File(['MZ'], 'virus.exe'));
    form.append('file', new File(['第二个文件。'], '二.md'));
    const response = await fetch(`${stack.url}/api/knowledge/upload`, {
      method: 'POST',
      body: form,
      headers: { prefer: 'wait=60' },
    });
    assert.equal(response.status, 200);
    const [one, bad, two] = await dataOf<(Indexed & { error?: { code: string } })[]>(response);
    assert.deepEqual([one?.status, two?.status, two?.filename], ['ready', 'ready', '二.md']);
    assert.deepEqual([bad?.filename, bad?.error?.code], ['virus.exe', 'unsupported_type']);
  });

  it('searches without the model, with the score of each stage', async () => {
    const { results } = await dataOf<{
      results: (Source & { scores: { dense?: number; lexical?: number } })[];
    }>(await postJson(`${stack.url}/api/knowledge/search`, { query: '普洱茶可以存放多久', top_k: 2 }));
    assert.equal(results[0]?.document_id, tea.id);
    assert.match(results[0]?.text ?? '', /越陈越香/);
    assert.ok((results[0]?.scores.dense ?? 0) > 0 && (results[0]?.scores.lexical ?? 0) > 0);
    assert.ok(results.length <= 2);
  });

  it('lists page by page, newest first', async () => {
    const page = await dataOf<{ documents: Document[]; total: number; next_cursor: string }>(
      await get('documents?limit=1'),
    );
    assert.equal(page.documents.length, 1);
    const next = await dataOf<{ documents: Document[] }>(
      await get(`documents?limit=100&cursor=${page.next_cursor}`),
    );
    assert.equal(next.documents.length, page.total - 1);
    assert.ok((page.documents[0]?.created_at ?? '') >= (next.documents[0]?.created_at ?? ''));
    for (const cursor of [
      '',
      '7',
      'x',
      '-1',
      `${'9'.repeat(80)}-a`,
      '1-a b',
      `1-${'a'.repeat(90)}`,
      '+inf-a',
    ])
      for (const list of ['documents', 'batches']) {
        const refused = await get(`${list}?cursor=${encodeURIComponent(cursor)}`);
        assert.deepEqual([refused.status, (await errorOf(refused)).code], [400, 'invalid_cursor'], cursor);
      }
  });

  it('fails a document with its code and a sentence; the same bytes may be tried again', async () => {
    const blank = makePdf(['']);
    const first = await uploadAndWait(stack.url, 'blank.pdf', blank);
    assert.equal(first.status, 422);
    assert.equal((await errorOf(first)).code, 'no_text');
    const { documents } = await dataOf<{ documents: Document[] }>(await get('documents'));
    const failed = documents.find(({ filename }) => filename === 'blank.pdf');
    assert.deepEqual([failed?.status, failed?.error?.code], ['failed', 'no_text']);
    assert.equal((await uploadAndWait(stack.url, 'blank.pdf', blank)).status, 422);
    const after = await dataOf<{ documents: Document[] }>(await get('documents'));
    assert.equal(
      after.documents.filter(({ filename }) => filename === 'blank.pdf').length,
      1,
      'and leaves one entry',
    );
  });

  it('deletes a document everywhere', async () => {
    const uploaded = await dataOf<Indexed>(
      await uploadAndWait(stack.url, 'secret.txt', 'The password of the vault is xyzzyplugh.'),
    );
    const removed = await fetch(`${stack.url}/api/knowledge/documents/${uploaded.id}`, { method: 'DELETE' });
    assert.deepEqual(await dataOf(removed), { id: uploaded.id, deleted: true });
    assert.equal((await get(`documents/${uploaded.id}`)).status, 404);
    assert.equal((await get(`documents/${uploaded.id}/text`)).status, 404);
    const { results } = await dataOf<{ results: Source[] }>(
      await postJson(`${stack.url}/api/knowledge/search`, { query: 'xyzzyplugh vault' }),
    );
    assert.ok(results.every((source) => source.document_id !== uploaded.id));
    const again = await dataOf<Indexed>(
      await uploadAndWait(stack.url, 'secret.txt', 'The password of the vault is xyzzyplugh.'),
    );
    assert.notEqual(again.id, uploaded.id);
    assert.equal(again.duplicate, undefined);
  });

  it('takes names of any kind, and keeps them well-formed', async () => {
    for (const [name, kept] of [
      ['../../etc/passwd.txt', 'passwd.txt'],
      [`${'😀'.repeat(300)}.txt`, `${'😀'.repeat(251)}.txt`],
    ] as const) {
      const response = await uploadAndWait(stack.url, name, `The text of ${name}.`);
      assert.equal(response.status, 200);
      assert.equal((await dataOf<Indexed>(response)).filename, kept);
    }
  });

  it('never shows a document again that was deleted while it was ingested', async () => {
    const search = async (query: string) =>
      (await dataOf<{ results: Source[] }>(await postJson(`${stack.url}/api/knowledge/search`, { query })))
        .results;
    const ids = await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const form = new FormData();
        form.append('file', new File([`Ephemeral zyzzyva number ${i}.`], `e${i}.txt`));
        const accepted = await fetch(`${stack.url}/api/knowledge/upload`, { method: 'POST', body: form });
        const { id } = await dataOf<Indexed>(accepted);
        await collectEventsUntil(await get(`documents/${id}/events`), i % 5);
        assert.equal(
          (await fetch(`${stack.url}/api/knowledge/documents/${id}`, { method: 'DELETE' })).status,
          200,
        );
        return id;
      }),
    );
    for (const id of ids) assert.equal((await get(`documents/${id}/events`)).status, 404);
    await waitFor(
      async () =>
        (await search('Ephemeral zyzzyva number')).every(({ document_id }) => !ids.includes(document_id)),
      {
        what: 'the deleted documents to leave the search',
      },
    );
  });

  it('keeps one document of the same bytes, whoever uploads, re-uploads and fails', async () => {
    const other = await stack.start('gateway');
    const blank = makePdf(['', '']);
    const send = (url: string) => uploadAndWait(url, 'blank again.pdf', blank);
    for (let round = 0; round < 3; round += 1) {
      const responses = await Promise.all(
        Array.from({ length: 8 }, (_, i) => send(i % 2 ? stack.url : other.url)),
      );
      for (const response of responses) assert.equal((await errorOf(response)).code, 'no_text');
    }
    const { documents } = await dataOf<{ documents: Document[] }>(await get('documents?limit=200'));
    assert.equal(documents.filter(({ filename }) => filename === 'blank again.pdf').length, 1);
  });
});

/** Reads some events and leaves. */
async function collectEventsUntil(response: Response, count: number): Promise<void> {
  let seen = 0;
  for await (const _event of readEvents(response)) if (++seen >= count) break;
}
