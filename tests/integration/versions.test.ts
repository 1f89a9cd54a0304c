import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Collection, Document } from '@sluice/shared/contracts/knowledge';
import { collectEvents, dataOf, errorOf, postJson } from '../helpers/api.ts';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

interface Uploaded {
  id: string;
  status: string;
  version: number;
  duplicate?: boolean;
}
interface Found {
  document_id: string;
  version: number;
  text: string;
}

describe('documents', () => {
  let stack: TestStack;
  before(async () => {
    stack = await startStack({ services: ['ingest-worker'] });
  });
  after(() => stack[Symbol.asyncDispose]());

  const knowledge = (path: string, init?: RequestInit) => fetch(`${stack.url}/api/knowledge/${path}`, init);
  const put = (path: string, body: unknown, method = 'PUT') =>
    knowledge(path, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const send = (name: string, content: string, fields: Record<string, string> = {}, wait = 30) => {
    const form = new FormData();
    for (const [field, value] of Object.entries(fields)) form.append(field, value);
    form.append('file', new File([content], name));
    return knowledge('upload', { method: 'POST', body: form, headers: { prefer: `wait=${wait}` } });
  };
  const upload = async (...args: Parameters<typeof send>) => dataOf<Uploaded>(await send(...args));
  /** What has the word; the hits by vectors alone are left out. */
  const search = async (word: string, filter: object = {}) => {
    const response = await postJson(`${stack.url}/api/knowledge/search`, {
      query: word,
      top_k: 50,
      ...filter,
    });
    const { results } = await dataOf<{ results: Found[] }>(response);
    return results.filter(({ text }) => text.includes(word));
  };
  const idsOf = async (query: string, filter: object = {}) =>
    new Set((await search(query, filter)).map(({ document_id }) => document_id));
  const documentOf = async (id: string) => dataOf<Document>(await knowledge(`documents/${id}`));

  describe('versions', () => {
    it('replace the one before under the same id: by external id, and by file name where that is asked for', async () => {
      for (const [name, fields] of [
        ['a.md', { external_id: '手册/1' }],
        ['b.md', { replace: 'filename' }],
      ] as const) {
        const first = await upload(name, `旧的 quokka ${name}`, fields);
        const second = await upload(name, `新的 quokka ${name}`, fields);
        assert.deepEqual([second.id, first.version, second.version], [first.id, 1, 2]);
        const found = (await search('quokka')).filter(({ document_id }) => document_id === first.id);
        assert.deepEqual(
          found.map(({ text, version }) => [text, version]),
          [[`新的 quokka ${name}`, 2]],
        );
        assert.equal(
          await (await knowledge(`documents/${first.id}/text?version=2`)).text(),
          `新的 quokka ${name}`,
        );
        const gone = await knowledge(`documents/${first.id}/text?version=1`);
        assert.deepEqual([gone.status, (await errorOf(gone)).code], [410, 'version_gone']);
        const events = await collectEvents(await knowledge(`documents/${first.id}/events`));
        assert.equal(events.at(-1)?.data, '[DONE]');
        const again = await upload(name, `新的 quokka ${name}`, fields);
        assert.deepEqual([again.duplicate, again.version], [true, 2], 'the same bytes again are a no-op');
        const back = await upload(name, `旧的 quokka ${name}`, fields);
        assert.deepEqual(
          [back.id, back.version, back.duplicate],
          [first.id, 3, undefined],
          'and it may go back',
        );
      }
    });

    it('are documents of their own where nothing is said', async () => {
      const first = await upload('same name.txt', 'wombat one');
      const second = await upload('same name.txt', 'wombat two');
      assert.notEqual(first.id, second.id);
      assert.equal((await idsOf('wombat')).size, 2);
      const copy = await upload('other name.txt', 'wombat one');
      assert.deepEqual([copy.id, copy.duplicate], [first.id, true]);
    });

    it('serve until the new one is whole: one that fails leaves the old one in place', async () => {
      const fields = { external_id: 'fails' };
      const { id } = await upload('f.txt', 'numbat stays', fields);
      const refused = await send('f.txt', '   \n  ', fields);
      assert.deepEqual([refused.status, (await errorOf(refused)).code], [422, 'no_text']);
      const failed = await documentOf(id);
      assert.deepEqual([failed.version, failed.status, failed.indexed_version], [2, 'failed', 1]);
      assert.deepEqual(
        (await search('numbat')).map(({ text, version }) => [text, version]),
        [['numbat stays', 1]],
      );
      assert.equal(await (await knowledge(`documents/${id}/text`)).text(), 'numbat stays');
      const mended = await upload('f.txt', 'numbat mended', fields);
      assert.deepEqual([mended.id, mended.version], [id, 3]);
      assert.deepEqual(
        (await search('numbat')).map(({ text }) => text),
        ['numbat mended'],
      );
    });

    it('race to one winner, which is the newest: one document, one active version, no other points', async () => {
      const other = await stack.start('gateway');
      const contents = Array.from({ length: 12 }, (_, n) => `bilby number ${n}`);
      const responses = await Promise.all(
        contents.map((content, n) => {
          const form = new FormData();
          form.append('external_id', 'raced');
          form.append('file', new File([content], 'r.txt'));
          const url = n % 2 ? stack.url : other.url;
          return fetch(`${url}/api/knowledge/upload`, { method: 'POST', body: form });
        }),
      );
      const uploaded = await Promise.all(responses.map((response) => dataOf<Uploaded>(response)));
      const ids = new Set(uploaded.map(({ id }) => id));
      assert.equal(ids.size, 1);
      const versions = uploaded.map(({ version }) => version).toSorted((a, b) => a - b);
      assert.deepEqual(
        versions,
        contents.map((_, n) => n + 1),
      );
      const [id = ''] = ids;
      await waitFor(async () => (await documentOf(id)).indexed_version === 12, {
        what: 'the newest to be indexed',
      });
      const newest = contents[uploaded.findIndex(({ version }) => version === 12)];
      await waitFor(
        async () => {
          const found = await search('bilby');
          return found.length === 1 && found[0]?.text === newest && found[0]?.version === 12;
        },
        { what: 'only the newest version to be found' },
      );
    });

    it('are made again from the kept bytes, with the settings of the collection', async () => {
      await dataOf(await put('collections/split', { chunking: { size: 400, overlap: 0 } }));
      const text = Array.from(
        { length: 20 },
        (_, n) => `Sentence ${n} speaks of the quoll and its habits.`,
      ).join(' ');
      const { id } = await upload('long.txt', text, { collection: 'split' });
      const before = (await documentOf(id)).chunks ?? 0;
      await dataOf(await put('collections/split', { chunking: { size: 100, overlap: 0 } }));
      const again = await dataOf<Document>(await knowledge(`documents/${id}/reingest`, { method: 'POST' }));
      assert.equal(again.version, 2);
      await waitFor(async () => (await documentOf(id)).indexed_version === 2, { what: 'the new version' });
      const after = (await documentOf(id)).chunks ?? 0;
      assert.ok(after > before * 2, `${before} chunks became ${after}`);
      const formats = { markdown: { size: 2_000, overlap: 0 } };
      await dataOf(await put('collections/split', { chunking: { size: 100, overlap: 0 }, formats }));
      const markdown = await upload('long.md', `# Long\n\n${text}`, { collection: 'split' });
      assert.equal((await documentOf(markdown.id)).chunks, 1, 'a format may have settings of its own');
    });
  });

  describe('collections', () => {
    it('hold documents apart: the same bytes may be in two, and a search keeps to those it names', async () => {
      for (const name of ['hr', 'it'])
        await dataOf(await put(`collections/${name}`, { description: '部门' }));
      const [hr, it] = [
        await upload('p.md', 'The echidna policy.', { collection: 'hr' }),
        await upload('p.md', 'The echidna policy.', { collection: 'it' }),
      ];
      assert.notEqual(hr.id, it.id);
      for (const [name, { id }] of [
        ['it', it],
        ['hr', hr],
      ] as const)
        assert.deepEqual(await idsOf('echidna', { collections: [name] }), new Set([id]));
      const { documents } = await dataOf<{ documents: Document[] }>(
        await knowledge('documents?collection=hr'),
      );
      assert.deepEqual(
        documents.map(({ id }) => id),
        [hr.id],
      );
      const { collections } = await dataOf<{ collections: Collection[] }>(await knowledge('collections'));
      assert.deepEqual(
        collections.filter(({ name }) => name !== 'split').map(({ name }) => name),
        ['default', 'hr', 'it'],
      );
      const full = await knowledge('collections/hr', { method: 'DELETE' });
      assert.deepEqual([full.status, (await errorOf(full)).code], [409, 'collection_not_empty']);
      await dataOf(await knowledge(`documents/${hr.id}`, { method: 'DELETE' }));
      await dataOf(await knowledge('collections/hr', { method: 'DELETE' }));
      const gone = await send('q.md', 'x', { collection: 'hr' });
      assert.deepEqual([gone.status, (await errorOf(gone)).code], [404, 'unknown_collection']);
    });

    it('refuse names and settings that make no sense', async () => {
      assert.equal((await put('collections/Bad%20Name', {})).status, 400);
      const refused = await put('collections/x', { chunking: { size: 100, overlap: 80 } });
      assert.match((await errorOf(refused)).message, /chunking\.overlap: must be at most half of size/);
    });
  });

  describe('metadata', () => {
    it('is filtered by, and can be changed without indexing anew', async () => {
      const metadata = { 年份: 2026, team: ['红', 'blue'], final: true };
      const { id } = await upload('m.md', 'A dunnart with facts.', { metadata: JSON.stringify(metadata) });
      const { id: bare } = await upload('n.md', 'A dunnart without.');
      assert.deepEqual((await documentOf(id)).metadata, metadata);
      assert.deepEqual(
        await idsOf('dunnart', { metadata: { 年份: 2026, team: ['green', 'blue'] } }),
        new Set([id]),
      );
      assert.deepEqual(await idsOf('dunnart', { metadata: { final: false } }), new Set());
      const changed = await put(`documents/${bare}`, { metadata: { final: false } }, 'PATCH');
      assert.deepEqual((await dataOf<Document>(changed)).metadata, { final: false });
      assert.deepEqual(await idsOf('dunnart', { metadata: { final: false } }), new Set([bare]));
    });

    it('that is changed while the document is ingested holds', async () => {
      const text = Array.from({ length: 400 }, (_, n) => `Sentence ${n} of the bettong.`).join(' ');
      const { id } = await upload('late.md', text, { metadata: '{"state":"draft"}' }, 0);
      await dataOf(await put(`documents/${id}`, { metadata: { state: 'final' } }, 'PATCH'));
      await waitFor(async () => (await documentOf(id)).status === 'ready', { what: 'the document' });
      await waitFor(async () => (await idsOf('bettong', { metadata: { state: 'final' } })).has(id), {
        what: 'its new metadata to be searchable',
      });
      assert.equal((await idsOf('bettong', { metadata: { state: 'draft' } })).size, 0);
    });

    it('is refused when it is none', async () => {
      for (const [value, problem] of [
        ['{', /metadata: must be a JSON object/],
        ['{"a":{"b":1}}', /metadata/],
        ['{"a b":1}', /metadata/],
        [
          JSON.stringify(Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`k${n}`, 1]))),
          /at most 20 keys/,
        ],
      ] as const) {
        const refused = await send('m.md', 'text', { metadata: value });
        assert.match((await errorOf(refused)).message, problem);
        assert.equal(refused.status, 400);
      }
    });
  });
});
