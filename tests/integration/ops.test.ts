import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createClient } from '../../client/src/index.ts';
import type { OpsSnapshot } from '../../client/src/index.ts';
import { opsSnapshotSchema } from '@sluice/shared/contracts/ops';
import { openDocuments } from '@sluice/shared/documents';
import { Redis } from 'ioredis';
import { collectEvents, dataOf, errorOf, postJson, uploadAndWait } from '../helpers/api.ts';
import { makePdf } from '../helpers/pdf.ts';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const LONG_TEXT = `The harbour has three cranes. ${'Each of them lifts forty tons at once. '.repeat(40)}`;

/** Looks until something holds, and gives the snapshot in which it does. */
async function seeThat(
  stack: TestStack,
  what: string,
  holds: (seen: OpsSnapshot) => boolean,
  timeoutMs = 20_000,
): Promise<OpsSnapshot> {
  let seen: OpsSnapshot | undefined;
  const look = async () => {
    seen = await dataOf<OpsSnapshot>(await fetch(`${stack.url}/api/ops/snapshot`));
    return holds(seen);
  };
  await waitFor(look, { what, timeoutMs }).catch((error: unknown) => {
    throw new Error(`${String(error)} The last snapshot was ${JSON.stringify(seen, undefined, 1)}`);
  });
  return opsSnapshotSchema.parse(seen) as OpsSnapshot;
}

const queueOf = (seen: OpsSnapshot, name: string) => {
  const queue = seen.queues.find((one) => one.name === name);
  assert.ok(queue, name);
  return queue;
};
const codesOf = (seen: OpsSnapshot) => seen.findings.map(({ kind, code }) => `${kind}: ${code}`);

describe('operations under load', () => {
  let stack: TestStack;
  before(async () => {
    stack = await startStack({ tokenDelayMs: 150, env: { CHAT_CONCURRENCY: '4' } });
  });
  after(() => stack[Symbol.asyncDispose]());

  const ask = (more: object = {}) =>
    postJson(`${stack.url}/api/chat`, {
      stream: true,
      messages: [{ role: 'user', content: LONG_TEXT }],
      ...more,
    });

  it('knows every process, with its version and load', async () => {
    const seen = await seeThat(stack, 'three processes', ({ processes }) => processes.alive === 3);
    assert.deepEqual(
      seen.processes.list.map(({ service, state, slots }) => [service, state, slots]),
      [
        ['chat-worker', 'alive', 14],
        ['gateway', 'alive', 0],
        ['ingest-worker', 'alive', 2],
      ],
    );
    for (const one of seen.processes.list) {
      assert.match(one.version, /^\d+\.\d+\.\d+$/);
      assert.ok(stack.services.some(({ process: { pid } }) => pid === one.pid));
      assert.ok(one.heartbeat_age_seconds < 10 && one.memory_bytes > 20_000_000);
    }
    assert.deepEqual(seen.findings, []);
    assert.deepEqual(
      seen.queues.map(({ name, workers, slots }) => [name, workers, slots]),
      [
        ['chat', 1, 4],
        ['chat-background', 1, 10],
        ['ingest', 1, 2],
      ],
    );
  });

  it('shows what runs, what waits, and what it came to', async () => {
    const answers = await Promise.all([1, 2, 3, 4, 5, 6].map(() => ask()));
    const reading = answers.map((response) => collectEvents(response));
    const busy = await seeThat(
      stack,
      'four of six chats running',
      (seen) => queueOf(seen, 'chat').running === 4 && (seen.streams['chat'] ?? 0) === 6,
    );
    const { jobs } = queueOf(busy, 'chat');
    assert.deepEqual([jobs.active, jobs.waiting], [4, 2]);
    assert.ok(queueOf(busy, 'chat').oldest_wait_seconds > 0);
    const live = await seeThat(
      stack,
      'tokens and first tokens',
      ({ chat }) => chat.tokens_per_second > 1 && chat.first_token.count >= 4,
    );
    const { first_token: first } = live.chat;
    assert.ok(first.p50_ms !== undefined && first.p95_ms !== undefined);
    assert.ok(
      first.p50_ms > 0 && first.p50_ms <= first.p95_ms && first.p95_ms < 60_000,
      JSON.stringify(first),
    );

    const starving = await seeThat(stack, 'two who wait for a slot', ({ findings }) => findings.length > 0);
    assert.deepEqual(codesOf(starving), ['starvation: no_free_slots']);
    assert.match(
      starving.findings[0]?.message ?? '',
      /^2 wait in chat, .* all 4 slots of 1 workers are taken/,
    );

    for (const response of answers.slice(0, 5)) {
      const id = response.headers.get('x-chat-id');
      await (await fetch(`${stack.url}/api/chat/${id}/cancel`, { method: 'POST' })).body?.cancel();
    }
    await seeThat(stack, 'five cancelled chats', ({ chat }) => chat.ended.cancelled === 5);
    await Promise.all(reading);
    const over = await seeThat(stack, 'six ended chats', ({ tenants }) => tenants[0]?.today.chats === 6);
    assert.deepEqual(over.findings, []);
    assert.equal(over.tenants[0]?.tenant, 'default');
    assert.ok((over.tenants[0]?.today.tokens ?? 0) > 10);
    assert.deepEqual(over.tenants[0]?.total, over.tenants[0]?.today);
  });

  it('streams the same every two seconds, and counts who looks', async () => {
    const { ops } = createClient({ baseUrl: stack.url });
    const stop = new AbortController();
    const seen: { at: string; viewers: number }[] = [];
    const watchOne = async () => {
      for await (const event of ops.watch({ signal: stop.signal })) {
        assert.equal(event.type, 'snapshot');
        const { at, streams } = opsSnapshotSchema.parse(event.type === 'snapshot' && event.snapshot);
        seen.push({ at, viewers: streams['ops'] ?? 0 });
        if (seen.length >= 30 || streams['ops'] === 2) stop.abort(new Error('seen'));
      }
    };
    await Promise.all([assert.rejects(watchOne(), /seen/), assert.rejects(watchOne(), /seen/)]);
    assert.equal(seen.at(-1)?.viewers, 2);
    const times = [...new Set(seen.map(({ at }) => Date.parse(at)))];
    assert.ok(times.length < seen.length, 'both got the same snapshots');
    for (const [i, time] of times.entries())
      assert.ok(i < 2 || time - (times[i - 1] ?? 0) > 1_500, 'no faster than every two seconds');
    await seeThat(stack, 'nobody who looks', ({ streams }) => (streams['ops'] ?? 0) === 0);
  });

  it('shows ingestion, what failed and why, and has it tried again or deleted', async () => {
    const upload = async (name: string, bytes: string | Uint8Array<ArrayBuffer>, requestId: string) => {
      const form = new FormData();
      form.append('file', new File([bytes], name));
      const headers = { 'x-request-id': requestId };
      const response = await fetch(`${stack.url}/api/knowledge/upload`, {
        method: 'POST',
        body: form,
        headers,
      });
      return (await dataOf<{ id: string }>(response)).id;
    };
    const scan = await upload('scan.pdf', makePdf(['']), 'the-request-of-the-scan');
    const failed = await seeThat(stack, 'a failed document', ({ ingest }) => ingest.failed.length === 1);
    const { failed_at, message, ...document } = failed.ingest.failed[0]!;
    assert.deepEqual(document, {
      id: scan,
      tenant: 'default',
      version: 1,
      filename: 'scan.pdf',
      collection: 'default',
      type: 'pdf',
      bytes: document.bytes,
      code: 'no_text',
    });
    assert.ok(Math.abs(Date.parse(failed_at) - Date.now()) < 60_000 && message.length > 10);
    assert.deepEqual(failed.ingest.failures, [{ code: 'no_text', documents: 1 }]);
    assert.equal(failed.ingest.documents['failed'], 1);
    const error = failed.errors.find(({ source }) => source === 'document');
    assert.equal(error?.request_id, 'the-request-of-the-scan');
    assert.equal(error?.job_id, `${scan}_v1`);
    assert.equal(error?.code, 'no_text');
    assert.equal(error?.message, message);

    const { id } = await dataOf<{ id: string }>(await uploadAndWait(stack.url, 'good.txt', LONG_TEXT));
    await seeThat(
      stack,
      'throughput',
      ({ ingest }) => ingest.documents_per_second > 0 && ingest.chunks_per_second > 0,
    );
    const again = await fetch(`${stack.url}/api/ops/documents/${id}/retry`, { method: 'POST' });
    assert.deepEqual([again.status, (await errorOf(again)).code], [409, 'not_failed']);

    // As when its workers were lost: nothing is wrong with the bytes.
    const redis = new Redis(stack.redis.url);
    const owner = { version: 1, attempt: Number.MAX_SAFE_INTEGER };
    const lost = { code: 'worker_lost', message: 'The workers were lost.' };
    await openDocuments(redis).update('default', id, owner, { status: 'failed', error: lost });
    redis.disconnect();
    const two = await seeThat(stack, 'two failures', ({ ingest }) => ingest.failed.length === 2);
    assert.deepEqual(
      two.ingest.failed.map(({ filename }) => filename),
      ['good.txt', 'scan.pdf'],
    );

    const { ops, knowledge } = createClient({ baseUrl: stack.url });
    assert.deepEqual(await ops.retryDocument(id), { id, version: 2, status: 'queued' });
    await waitFor(async () => (await knowledge.get(id)).status === 'ready', { what: 'the second try' });
    await ops.deleteDocument(scan);
    const none = await seeThat(stack, 'no failures', ({ ingest }) => ingest.failed.length === 0);
    assert.deepEqual(none.ingest.failures, []);
    await assert.rejects(knowledge.get(scan), { code: 'not_found' });
    const gone = await fetch(`${stack.url}/api/ops/documents/${scan}`, { method: 'DELETE' });
    assert.deepEqual([gone.status, (await errorOf(gone)).code], [404, 'not_found']);
  });

  it('lists batches that run', async () => {
    const { batches } = createClient({ baseUrl: stack.url });
    const batch = await batches.create({ name: 'nightly' });
    await batches.add(batch.id, [
      { name: 'a.txt', content: 'One crane.' },
      { name: 'b.exe', content: 'MZ' },
    ]);
    const seen = await seeThat(stack, 'a batch', ({ batches: [one] }) => one?.done === 1 && one.failed === 1);
    const { created_at: _created, estimated_seconds: _left, ...running } = seen.batches[0]!;
    assert.deepEqual(running, { id: batch.id, name: 'nightly', state: 'open', items: 2, done: 1, failed: 1 });
    await batches.close(batch.id);
    await seeThat(stack, 'the end of it', ({ batches: all }) => all.length === 0);
  });

  it('says that Redis is away, and goes on when it is back', async () => {
    const { ops } = createClient({ baseUrl: stack.url });
    const stop = new AbortController();
    const types: string[] = [];
    const watching = assert.rejects(async () => {
      for await (const event of ops.watch({ signal: stop.signal }))
        types.push(event.type === 'unavailable' ? event.code : event.type);
    }, /seen/);
    await waitFor(async () => types.includes('snapshot'), { what: 'a snapshot' });
    await stack.redis.kill();
    await waitFor(async () => types.includes('redis_unavailable'), { what: 'the word that it is away' });
    const refused = await fetch(`${stack.url}/api/ops/snapshot`);
    assert.deepEqual([refused.status, (await errorOf(refused)).code], [503, 'redis_unavailable']);
    await stack.redis.restart();
    await waitFor(async () => types.at(-1) === 'snapshot', { what: 'the next snapshot', timeoutMs: 20_000 });
    stop.abort(new Error('seen'));
    await watching;
    await seeThat(
      stack,
      'all processes again',
      ({ processes }) => processes.alive === 3 && processes.lost === 0,
    );
  });
});
