import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { dataOf, postJson, uploadAndWait } from '../helpers/api.ts';
import { waitFor } from '../helpers/poll.ts';
import type { TestService } from '../helpers/process.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

interface Found {
  document_id: string;
  text: string;
  scores: { dense?: number };
}
interface Index {
  serving: { model: string; dimensions: number };
  building?: { done: number; total: number };
}

/** The offline model shortens its vectors for models of this name. */
const MODEL = 'text-embedding-3-small';
const DOCUMENTS = 60;
/** Eight words that no other document has, so that the nearest is certain at any number of dimensions. */
const textOf = (n: number) => Array.from('abcdefgh', (letter) => `${letter}numbat${n}`).join(' ');

describe('another embedding model', () => {
  let stack: TestStack;
  let former: TestService | undefined;
  before(async () => {
    stack = await startStack({
      services: ['ingest-worker'],
      env: { EMBEDDING_MODEL: MODEL, EMBEDDING_DIMENSIONS: '384' },
    });
    former = stack.services[1];
  });
  after(() => stack[Symbol.asyncDispose]());

  const upload = async (n: number) => {
    return (await dataOf<{ id: string }>(await uploadAndWait(stack.url, `r${n}.md`, textOf(n)))).id;
  };
  const search = async (query: string, filter: object = {}) => {
    const body = { query, top_k: 1, mode: 'dense', neighbours: false, ...filter };
    return (await dataOf<{ results: Found[] }>(await postJson(`${stack.url}/api/knowledge/search`, body)))
      .results;
  };
  const index = async () => dataOf<Index>(await fetch(`${stack.url}/api/knowledge/index`));

  it('is built for in the background: searches go on with the old index, then with the new one', async () => {
    const ids: string[] = [];
    for (let n = 0; n < DOCUMENTS; n += 1) ids.push(await upload(n));
    assert.deepEqual((await index()).serving, { model: MODEL, dimensions: 384 });

    let searches = 0;
    let isOver = false;
    const searching = (async () => {
      while (!isOver) {
        const n = searches % DOCUMENTS;
        const [found] = await search(textOf(n));
        assert.equal(found?.document_id, ids[n], 'every search finds what it should, whichever index serves');
        assert.ok((found?.scores.dense ?? 0) > 0.99, 'query and chunk are of the same space');
        searches += 1;
      }
    })();
    const worker = await stack.start('ingest-worker', { EMBEDDING_DIMENSIONS: '128' });
    const late = await upload(DOCUMENTS);
    const isServed = async () => (await index()).serving.dimensions === 128;
    await Promise.race([waitFor(isServed, { what: 'the new index to serve', timeoutMs: 60_000 }), searching]);
    await waitFor(() => stack.gateway.logs().includes('another index'), { what: 'the gateway to move on' });
    const until = searches + DOCUMENTS;
    await Promise.race([
      waitFor(() => searches > until, { what: 'more searches', timeoutMs: 30_000 }),
      searching,
    ]);
    isOver = true;
    await searching;

    assert.match(worker.logs(), /the new index serves/);
    // It dies before it has followed what still ends in the old index: another one does.
    await worker.kill();
    await stack.start('ingest-worker', { EMBEDDING_DIMENSIONS: '128' });
    const [found] = await search(textOf(DOCUMENTS));
    assert.equal(found?.document_id, late, 'what was uploaded meanwhile is there too');
    assert.equal((await index()).building, undefined);
  });

  it('lets documents come and go as before, and is not undone by a worker that is configured for the old one', async () => {
    const id = await upload(1_000);
    // The worker that had it may have been on the old index still: then it follows.
    await waitFor(async () => (await search(textOf(1_000)))[0]?.document_id === id, {
      what: 'a document that was ingested right after the switch',
      timeoutMs: 30_000,
    });
    await fetch(`${stack.url}/api/knowledge/documents/${id}`, { method: 'DELETE' });
    assert.equal((await search(textOf(1_000), { documents: [id] })).length, 0);
    await former?.stop();
    const straggler = await stack.start('ingest-worker');
    await waitFor(() => /is this worker configured like the others/.test(straggler.logs()), {
      what: 'the warning',
    });
    const { serving, building } = await index();
    assert.deepEqual([serving.dimensions, building], [128, undefined]);
  });
});
