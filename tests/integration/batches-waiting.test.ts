import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBatches } from '@sluice/shared/batches/batches';
import type { BatchItem } from '@sluice/shared/contracts/batches';
import type { Document } from '@sluice/shared/contracts/knowledge';
import { openDocuments } from '@sluice/shared/documents';
import { readLastEntry } from '@sluice/shared/event-log/log';
import { batchKeys, queuePrefix } from '@sluice/shared/redis/keys';
import { Redis } from 'ioredis';
import { dataOf, errorOf, postJson, uploadAndWait } from '../helpers/api.ts';
import { batchesAt, formOf } from '../helpers/batches.ts';
import { makePdf } from '../helpers/pdf.ts';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

/** BullMQ's own key. */
const WAITING_JOBS = `${queuePrefix('ingest')}:ingest:prioritized`;
const statuses = (items: BatchItem[]) =>
  Object.fromEntries(items.map((item) => [item.filename, item.status]));

describe('batches without a worker', () => {
  let stack: TestStack;
  let batches: ReturnType<typeof batchesAt>;
  let redis: Redis;
  before(async () => {
    stack = await startStack({ services: [], env: { BATCH_WINDOW: '20', INGEST_CONCURRENCY: '1' } });
    batches = batchesAt(stack.url);
    redis = new Redis(stack.redis.url);
  });
  after(async () => {
    redis.disconnect();
    await stack[Symbol.asyncDispose]();
  });
  const failDocument = async (id = '', version = 0) => {
    const error = { code: 'internal_error', message: 'It was a bad day.' };
    const owner = { version, attempt: 1 };
    assert.equal(
      await openDocuments(redis).update('default', id, owner, { status: 'failed', error }),
      'updated',
    );
  };
  const filesOf = (name: string, count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`${name}/${i}.md`, `${name}, file ${i}`]));

  it('keeps a window in the queue, pauses, resumes, and gives others their turn', async () => {
    const { batch } = await batches.send(formOf(filesOf('many', 50)));
    assert.deepEqual([batch.counts.queued, batch.counts.pending], [20, 30]);
    const paused = await batches.act(batch.id, 'pause');
    assert.deepEqual([paused.state, paused.counts.queued, paused.counts.pending], ['paused', 0, 50]);
    assert.equal(await redis.zcard(WAITING_JOBS), 0, 'nothing is in the queue');
    const [item] = await batches.items(batch.id);
    const watched = await fetch(`${stack.url}/api/knowledge/documents/${item?.document_id}/events`);
    assert.equal(watched.status, 200, 'a document that waits in a batch can be watched');
    await watched.body?.cancel();
    const again = await fetch(`${stack.url}/api/knowledge/upload`, {
      method: 'POST',
      body: formOf({ 'again.md': 'many, file 7' }),
      headers: { prefer: 'wait=1' },
    });
    const known = await dataOf<{ status: string; duplicate: boolean }>(again);
    assert.deepEqual([again.status, known.status, known.duplicate], [202, 'queued', true]);
    const resumed = await batches.act(batch.id, 'resume');
    assert.deepEqual([resumed.state, resumed.counts.queued], ['running', 20]);

    const single = uploadAndWait(stack.url, 'single.md', 'A single upload in between.');
    await waitFor(async () => (await redis.zcard(WAITING_JOBS)) === 21, { what: 'the upload to wait' });
    await using _worker = await stack.start('ingest-worker');
    const { id } = await dataOf<{ id: string }>(await single);
    assert.equal((await batches.ended(batch.id)).counts.ready, 50);
    const endOf = async (documentId: string) =>
      (await dataOf<Document>(await fetch(`${stack.url}/api/knowledge/documents/${documentId}`))).updated_at;
    const end = await endOf(id);
    const ends = await Promise.all(
      (await batches.items(batch.id)).map(({ document_id = '' }) => endOf(document_id)),
    );
    const before = ends.filter((other) => other < end).length;
    assert.ok(before < 25, `it waited for ${before} of the batch`);
  });

  it('whose record is lost leaves no document waiting for ever: the same bytes again are ingested', async () => {
    const { batch, items } = await batches.send(formOf({ 'orphan.md': 'The batch of it is lost.' }));
    await batches.act(batch.id, 'pause');
    await redis.del(batchKeys('default', batch.id).batch);
    await using _worker = await stack.start('ingest-worker');
    const again = await uploadAndWait(stack.url, 'orphan.md', 'The batch of it is lost.');
    assert.deepEqual((await dataOf<{ id: string; status: string }>(again)).id, items[0]?.document_id);
    assert.equal(again.status, 200);
  });

  it('cancels: what was not indexed goes, what an earlier version serves stays', async () => {
    const worker = await stack.start('ingest-worker');
    const form = (content: string) => formOf({ 'kept.md': content }, { replace: 'external_id' });
    const first = await batches.send(form('the edition that stays'));
    await batches.ended(first.batch.id);
    await worker.stop();

    const files = formOf(filesOf('dropped', 30), { replace: 'external_id' });
    files.append('file', new File(['the edition that never comes'], 'kept.md'));
    const { batch } = await batches.send(files);
    const kept = first.items[0]?.document_id ?? '';
    const items = await batches.items(batch.id);
    await batches.act(batch.id, 'cancel');
    const ended = await batches.ended(batch.id);
    assert.deepEqual([ended.state, ended.counts.cancelled], ['cancelled', 31]);
    assert.equal(await redis.zcard(WAITING_JOBS), 0);
    const documents = openDocuments(redis);
    for (const { document_id = '', version = 0, filename } of items) {
      const document = await documents.find('default', document_id);
      if (filename === 'kept.md')
        assert.deepEqual(
          [document?.status, document?.error?.code, document?.indexed_version],
          ['failed', 'cancelled', 1],
        );
      else assert.equal(document, undefined, filename);
      const last = await readLastEntry(redis, { tenant: 'default', jobId: `${document_id}_v${version}` });
      assert.ok(!last || last.record.type === 'cancelled', `${filename}: ${last?.record.type}`);
    }
    const results = await dataOf<{ results: { document_id: string }[] }>(
      await postJson(`${stack.url}/api/knowledge/search`, { query: 'the edition that stays', top_k: 1 }),
    );
    assert.equal(results.results[0]?.document_id, kept);
    assert.equal(
      (await errorOf(await fetch(`${batches.base}/${batch.id}/retry`, { method: 'POST' }))).code,
      'batch_ended',
    );
    // The bytes may come again.
    const again = await batches.send(formOf({ 'dropped/0.md': 'dropped, file 0' }));
    assert.equal(again.items[0]?.status, 'pending');
    await batches.act(again.batch.id, 'cancel');
  });

  it('retries what failed as the next version, and what fails for good fails again', async () => {
    const { batch, items } = await batches.send(
      formOf({
        'unlucky.md': 'It failed for a reason that has passed.',
        'blank.pdf': new Uint8Array(makePdf([''])),
      }),
    );
    const unlucky = items.find(({ filename }) => filename === 'unlucky.md');
    await failDocument(unlucky?.document_id, 1);
    const worker = await stack.start('ingest-worker');
    const failed = await batches.ended(batch.id);
    assert.equal(failed.counts.failed, 2);
    assert.deepEqual(
      new Set((await batches.items(batch.id, { status: 'failed' })).map((item) => item.error?.code)),
      new Set(['internal_error', 'no_text']),
    );
    const retried = await batches.act(batch.id, 'retry');
    assert.equal(retried.ended_at, undefined, 'it is open again');
    const ended = await batches.ended(batch.id);
    assert.deepEqual([ended.counts.ready, ended.counts.failed], [1, 1]);
    const all = await batches.items(batch.id);
    assert.deepEqual(statuses(all), { 'unlucky.md': 'ready', 'blank.pdf': 'failed' });
    assert.deepEqual(
      all.map(({ version }) => version),
      [2, 2],
    );
    await worker.stop();
  });

  it('retries from the version that a document has by now', async () => {
    const { batch, items } = await batches.send(formOf({ 'twice.md': 'It fails in the batch and outside.' }));
    const [{ document_id: id } = {}] = items;
    await failDocument(id, 1);
    const first = await stack.start('ingest-worker');
    assert.equal((await batches.ended(batch.id)).counts.failed, 1);
    await first.stop();
    const path = `${stack.url}/api/knowledge/documents/${id}/reingest`;
    assert.equal((await fetch(path, { method: 'POST' })).status, 202);
    await failDocument(id, 2);
    await batches.act(batch.id, 'retry');
    await using _second = await stack.start('ingest-worker');
    assert.equal((await batches.ended(batch.id)).counts.ready, 1);
    assert.equal((await batches.items(batch.id))[0]?.version, 3);
  });

  it('gives no turn to what was replaced or deleted while it waited', async () => {
    const { id } = await batches.create({ replace: 'external_id' });
    await batches.act(id, 'pause');
    const { items } = await batches.send(formOf({ 'old.md': 'the old text', 'gone.md': 'soon gone' }), id);
    await batches.act(id, 'close');
    const newer = await batches.send(formOf({ 'old.md': 'the new text' }, { replace: 'external_id' }));
    const gone = items.find(({ filename }) => filename === 'gone.md');
    const path = `documents/${gone?.document_id}`;
    assert.ok((await fetch(`${stack.url}/api/knowledge/${path}`, { method: 'DELETE' })).ok);
    await batches.act(id, 'resume');
    const ended = await batches.ended(id);
    assert.equal(ended.counts.cancelled, 2);
    const codes = (await batches.items(id)).map(({ filename, error }) => [filename, error?.code]);
    assert.deepEqual(Object.fromEntries(codes), { 'old.md': 'superseded', 'gone.md': 'deleted' });
    await using _worker = await stack.start('ingest-worker');
    assert.equal((await batches.ended(newer.batch.id)).counts.ready, 1);
  });

  it('ends a file whose gateway died while it kept the bytes', async () => {
    const { id } = await batches.create({});
    await openBatches(redis).add(
      { tenant: 'default', id },
      {
        id: 'lost',
        filename: 'lost.md',
        status: 'receiving',
        document_id: 'doc_lost',
        version: 1,
        added_at: new Date(Date.now() - 3_600_000).toISOString(),
      },
    );
    await batches.act(id, 'close');
    const ended = await batches.ended(id);
    assert.equal(ended.counts.failed, 1);
    assert.equal((await batches.items(id))[0]?.error?.code, 'upload_lost');
    const retried = await batches.act(id, 'retry');
    assert.deepEqual(
      [retried.state, retried.counts.failed],
      ['done', 1],
      'there is nothing to try again with',
    );
    assert.equal((await batches.items(id))[0]?.error?.code, 'upload_lost');
  });
});
