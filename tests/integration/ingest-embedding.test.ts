import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Document } from '@sluice/shared/contracts/knowledge';
import { dataOf, uploadAndWait } from '../helpers/api.ts';
import { startCountingEmbedder } from '../helpers/counting-embedder.ts';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const DIMENSIONS = 384;
const POISON = '毒药 poison';

async function upload(stack: TestStack, filename: string, text: string): Promise<string> {
  const form = new FormData();
  form.append('file', new File([text], filename));
  const response = await fetch(`${stack.url}/api/knowledge/upload`, { method: 'POST', body: form });
  return (await dataOf<{ id: string }>(response)).id;
}

async function waitForEnd(stack: TestStack, id: string): Promise<Document> {
  return waitFor(
    async () => {
      const read = await fetch(`${stack.url}/api/knowledge/documents/${id}`);
      const document = await dataOf<Document>(read);
      return document.status === 'ready' || document.status === 'failed' ? document : undefined;
    },
    { timeoutMs: 30_000, what: `the end of ${id}` },
  );
}

describe('embedding while ingesting', () => {
  it('fails the document that the model refuses, and no other', async () => {
    await using embedder = await startCountingEmbedder({
      dimensions: DIMENSIONS,
      delayMs: 0,
      refuse: (input) => (input.some((text) => text.includes(POISON)) ? { status: 400 } : undefined),
    });
    await using stack = await startStack({
      services: ['ingest-worker'],
      env: { EMBEDDING_BASE_URL: embedder.url },
    });
    const ids: string[] = [];
    for (let n = 0; n < 12; n += 1)
      ids.push(await upload(stack, `${n}.txt`, n % 3 === 0 ? `${POISON} ${n}` : `水闸 number ${n}`));
    const documents = await Promise.all(ids.map((id) => waitForEnd(stack, id)));
    for (const [n, { status, error }] of documents.entries())
      assert.equal(error?.code ?? status, n % 3 === 0 ? 'model_rejected_request' : 'ready', `document ${n}`);
  });

  it('waits as the provider asks, and embeds no text twice', async () => {
    const refusedAt: number[] = [];
    await using embedder = await startCountingEmbedder({
      dimensions: DIMENSIONS,
      delayMs: 0,
      refuse() {
        if (refusedAt.length === 5) return undefined;
        refusedAt.push(performance.now());
        return { status: 429, headers: { 'retry-after-ms': '300' } };
      },
    });
    await using stack = await startStack({
      services: ['ingest-worker', 'ingest-worker'],
      // A single try: no document may need another one.
      env: { EMBEDDING_BASE_URL: embedder.url, MODEL_TRIES: '1', INGEST_CONCURRENCY: '1' },
    });
    const ids = [await upload(stack, 'a.txt', '春眠不觉晓'), await upload(stack, 'b.txt', 'a river')];
    for (const id of ids) assert.equal((await waitForEnd(stack, id)).status, 'ready');
    const logs = stack.services.map((service) => service.logs()).join('');
    assert.match(logs, /the embedding provider asks for time/);
    assert.doesNotMatch(logs, /will be tried again/);
    assert.ok(Math.max(...refusedAt) - Math.min(...refusedAt) >= 300, 'nobody asked again before');

    const before = embedder.texts;
    const again = await uploadAndWait(stack.url, 'c.md', 'a river\n\n');
    assert.equal((await dataOf<{ chunks: number }>(again)).chunks, 1);
    assert.equal(embedder.texts, before, 'the text came from the cache');
  });
});
