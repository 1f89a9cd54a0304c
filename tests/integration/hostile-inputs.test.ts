import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { dataOf, errorOf, uploadAndWait } from '../helpers/api.ts';
import { HOSTILE_INPUTS, type HostileInput } from '../helpers/hostile-inputs.ts';
import { HOSTILE_PDFS, MUTATED_PDFS } from '../helpers/hostile-pdfs.ts';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const INPUTS = [...HOSTILE_INPUTS, ...HOSTILE_PDFS, ...MUTATED_PDFS];

/** In which each has come to its end, also on a busy machine; on one that is not, within 10 s: the longest is told. */
const DEADLINE_MS = 28_000;

const LIMITS = { EXTRACT_TIMEOUT_MS: '8000', EXTRACT_MEMORY_MB: '512', CHUNK_SIZE: '5000' };

describe(`${INPUTS.length} hostile inputs`, () => {
  const temporary = mkdtempSync(join(tmpdir(), 'sluice-hostile-'));
  let stack: TestStack;
  let uploads = 0;
  let longestMs = 0;
  before(async () => {
    stack = await startStack({ services: ['ingest-worker'], env: { ...LIMITS, TMPDIR: temporary } });
  });
  after(async () => {
    await stack?.[Symbol.asyncDispose]();
    rmSync(temporary, { recursive: true });
  });

  for (const input of INPUTS) {
    it(`${input.name} (${input.filename}): ${input.outcome}`, async () => {
      const bytes = Buffer.from(input.make() as Buffer);
      const reports = readReports().length;
      const started = performance.now();
      const [text] = await Promise.all([upload(input, bytes), uploadNormal()]);
      const elapsed = performance.now() - started;
      longestMs = Math.max(longestMs, elapsed);
      assert.ok(elapsed < DEADLINE_MS, `took ${Math.round(elapsed)} ms`);
      if (input.without) assert.doesNotMatch(text, input.without);
      if (input.killed) await assertKilled(reports);
    });
  }

  it('leave nothing behind', async (t) => {
    t.diagnostic(`the longest took ${Math.round(longestMs)} ms`);
    assert.deepEqual(readdirSync(temporary), []);
    assert.deepEqual(readdirSync(join(stack.dataDir, 'uploads')), []);
    const [gateway, worker] = stack.services;
    assert.equal(gateway?.process.exitCode, null);
    assert.equal(worker?.process.exitCode, null);
  });

  /** Gives the text of an input that does no harm; '' for one that is refused as it should be. */
  async function upload(
    { filename, outcome }: HostileInput,
    bytes: Uint8Array<ArrayBuffer>,
  ): Promise<string> {
    const response = await uploadAndWait(stack.url, filename, bytes);
    if (response.status !== 200) {
      const { code, message } = await errorOf(response);
      assert.equal(code, outcome, message);
      assert.match(message, /^[A-Z].*\.$/);
      return '';
    }
    const { id } = await dataOf<{ id: string }>(response);
    assert.equal(outcome, 'ready', 'it was accepted');
    return await (await fetch(`${stack.url}/api/knowledge/documents/${id}/text`)).text();
  }

  /** Another document is read at the same time as if nothing was the matter. */
  async function uploadNormal(): Promise<void> {
    const text = `# Note ${uploads++}\n\nA normal document.`;
    const response = await uploadAndWait(stack.url, `note-${uploads}.md`, text);
    assert.equal(response.status, 200);
    assert.equal((await dataOf<{ chunks: number }>(response)).chunks, 1);
  }

  /** What the worker says of the documents that it has read. */
  function readReports(): { outcome: string; pid: number }[] {
    const lines = stack.services.at(-1)?.logs().split('\n') ?? [];
    return lines
      .filter((line) => line.includes('"msg":"extracted"'))
      .map((line) => JSON.parse(line) as { outcome: string; pid: number });
  }

  async function assertKilled(reports: number): Promise<void> {
    const findKilled = () =>
      readReports()
        .slice(reports)
        .filter(({ outcome }) => outcome === 'resource_limit');
    await waitFor(() => findKilled().length > 0, { what: 'the report of the worker' });
    const killed = findKilled();
    assert.equal(killed.length, 1);
    const isGone = () => !isAlive(killed[0]?.pid ?? 0);
    await waitFor(isGone, { timeoutMs: 2_000, what: 'the end of the process' });
  }
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
