import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { dataOf, uploadAndWait } from '../helpers/api.ts';
import { startCountingEmbedder } from '../helpers/counting-embedder.ts';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';

const DIMENSIONS = 1_536;
const LENGTH = 10_000_000;
/** Its vectors alone take 117 MB. */
const CHUNK_SIZE = 600;
const MOST_GROWTH_MB = 80;
/** Left to itself, V8 collects garbage only when it has grown by some 200 MB. */
const SMALL_HEAP = '--max-old-space-size=100 --max-semi-space-size=8';

/** Resident memory of a process in MB, without the pages of files (SQLite maps its own). */
function memoryOf(pid: number | undefined): number {
  const kib = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  assert.ok(kib);
  return Number(kib) / 1_024;
}

function compose(length: number): string {
  const sentences: string[] = [];
  for (let n = 0, total = 0; total < length; n += 1) {
    const sentence = `Sentence ${n} tells of sluice number ${n * 7} and of what the river was like that day.\n`;
    sentences.push(sentence);
    total += sentence.length;
  }
  return sentences.join('');
}

describe('memory of an ingest-worker', { skip: process.platform !== 'linux' && 'needs /proc' }, () => {
  it('is bounded, however long a document is', async (t) => {
    await using embedder = await startCountingEmbedder({ dimensions: DIMENSIONS, delayMs: 0 });
    await using stack = await startStack({
      services: ['ingest-worker'],
      env: {
        EMBEDDING_BASE_URL: embedder.url,
        EMBEDDING_DIMENSIONS: String(DIMENSIONS),
        NODE_OPTIONS: SMALL_HEAP,
        CHUNK_SIZE: String(CHUNK_SIZE),
        CHUNK_OVERLAP: '0',
      },
    });
    const pid = stack.services.find(({ process }) => process !== stack.gateway.process)?.process.pid;
    assert.equal((await uploadAndWait(stack.url, 'small.txt', compose(500_000))).status, 200);
    const before = memoryOf(pid);
    let peak = before;
    const form = new FormData();
    form.append('file', new File([compose(LENGTH)], 'large.txt'));
    const response = await fetch(`${stack.url}/api/knowledge/upload`, { method: 'POST', body: form });
    const { id } = await dataOf<{ id: string }>(response);
    const document = await waitFor(
      async () => {
        const read = await fetch(`${stack.url}/api/knowledge/documents/${id}`);
        const now = await dataOf<{ status: string; chunks?: number }>(read);
        peak = Math.max(peak, memoryOf(pid));
        return now.status === 'ready' || now.status === 'failed' ? now : undefined;
      },
      { timeoutMs: 200_000, what: 'the large document' },
    );
    assert.equal(document.status, 'ready');
    const growth = peak - before;
    t.diagnostic(`${document.chunks} chunks; memory rose from ${before.toFixed()} by ${growth.toFixed()} MB`);
    assert.ok(growth < MOST_GROWTH_MB, `memory rose by ${growth.toFixed()} MB`);
  });
});
