import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openBatches } from '@sluice/shared/batches/batches';
import type { Batch, BatchItem } from '@sluice/shared/contracts/batches';
import type { Document } from '@sluice/shared/contracts/knowledge';
import { openDocuments } from '@sluice/shared/documents';
import { readLastEntry } from '@sluice/shared/event-log/log';
import { queuePrefix } from '@sluice/shared/redis/keys';
import { Redis } from 'ioredis';
import { dataOf, errorOf, postJson, readEvents, uploadAndWait } from '../helpers/api.ts';
import { batchesAt, checkSum, formOf } from '../helpers/batches.ts';
import { makePdf } from '../helpers/pdf.ts';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';
import { encodeLegacy, writeZip } from '../helpers/zip.ts';

/** BullMQ's own key. */
const WAITING_JOBS = `${queuePrefix('ingest')}:ingest:prioritized`;
const zipOf = (...args: Parameters<typeof writeZip>) => new Uint8Array(writeZip(...args));
const statuses = (items: BatchItem[]) =>
  Object.fromEntries(items.map((item) => [item.filename, item.status]));

describe('batches', () => {
  let stack: TestStack;
  let batches: ReturnType<typeof batchesAt>;
  before(async () => {
    stack = await startStack({ services: ['ingest-worker'] });
    batches = batchesAt(stack.url);
  });
  after(() => stack[Symbol.asyncDispose]());
  const knowledge = (path: string, body?: unknown) =>
    body === undefined
      ? fetch(`${stack.url}/api/knowledge/${path}`)
      : postJson(`${stack.url}/api/knowledge/${path}`, body);
  const documentOf = async (id: string) => dataOf<Document>(await knowledge(`documents/${id}`));

  it('takes 300 files and archives in one request; a bad one touches no other', async () => {
    await fetch(`${stack.url}/api/knowledge/collections/handbook`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    const files: Record<string, string | Uint8Array<ArrayBuffer>> = {};
    for (let i = 0; i < 300; i++) files[`手册/第${i}章.md`] = `# 第 ${i} 章\n\n这是第 ${i} 章的内容。`;
    const legacy = ['年报/二〇二五.txt', '年报/说明.md'];
    files['年报.zip'] = zipOf(
      legacy.map((name) => ({ name: encodeLegacy(name, 'gb18030'), content: `${name}的正文` })),
    );
    files['hostile.zip'] = zipOf([
      { name: '../../up.txt', content: 'x' },
      { name: 'fine.txt', content: 'This one is fine.' },
    ]);
    files['broken.zip'] = 'no archive';
    files['picture.png'] = 'x';
    const fields = { name: 'Handbook', collection: 'handbook', metadata: '{"year":2025}' };

    const { batch, items } = await batches.send(formOf(files, fields));
    checkSum(batch);
    assert.deepEqual(
      [batch.name, batch.collection, batch.open, batch.items],
      ['Handbook', 'handbook', false, 306],
    );
    assert.equal(items.length, 306);
    const ended = await batches.ended(batch.id);
    assert.equal(ended.state, 'done');
    assert.deepEqual([ended.counts.ready, ended.counts.refused], [303, 3]);

    const all = await batches.items(batch.id, { limit: '100' });
    assert.equal(new Set(all.map(({ id }) => id)).size, 306, 'each once');
    assert.deepEqual(new Set(all.map(({ id }) => id)), new Set(items.map(({ id }) => id)));
    const refused = await batches.items(batch.id, { status: 'refused' });
    assert.deepEqual(Object.fromEntries(refused.map(({ filename, error }) => [filename, error?.code])), {
      'up.txt': 'unsafe_path',
      'broken.zip': 'corrupt',
      'picture.png': 'unsupported_type',
    });
    const legacyItem = all.find(({ filename }) => filename === legacy[0]);
    const document = await documentOf(legacyItem?.document_id ?? '');
    assert.deepEqual(
      [document.filename, document.collection, document.metadata, document.batch, document.status],
      ['二〇二五.txt', 'handbook', { year: 2025 }, batch.id, 'ready'],
    );
    const { batches: listed } = await dataOf<{ batches: Batch[] }>(await fetch(batches.base));
    assert.deepEqual(listed[0], ended);
  });

  it('is told at every change, at most four times a second, to its end', async () => {
    const { id } = await batches.create({});
    const response = await fetch(`${batches.base}/${id}/events`);
    const times: number[] = [];
    const states: string[] = [];
    let last: Batch | undefined;
    for await (const { event, data } of readEvents(response)) {
      if (data === '[DONE]') states.push('[DONE]');
      if (event !== 'batch') continue;
      last = JSON.parse(data) as Batch;
      checkSum(last);
      times.push(performance.now());
      if (states.at(-1) !== last.state) states.push(last.state);
      if (times.length === 1)
        void batches
          .send(formOf({ 'a.md': 'one', 'b.md': 'two', 'c.md': 'three' }), id)
          .then(() => batches.act(id, 'close'));
    }
    assert.equal(last?.counts.ready, 3);
    assert.deepEqual([states[0], ...states.slice(-2)], ['open', 'done', '[DONE]']);
    for (let i = 1; i < times.length; i++) assert.ok((times[i] ?? 0) - (times[i - 1] ?? 0) > 200);
    const again = await (await fetch(`${batches.base}/${id}/events`)).text();
    assert.match(again, /"state":"done"[^]*\[DONE\]/, 'whoever comes late gets the end');
  });

  it('takes the same file once, and bytes that are there as duplicates', async () => {
    const { id } = await batches.create({});
    const form = () => formOf({ 'x/twice.md': 'the same bytes', 'y/copy.md': 'the same bytes' });
    const [first, second] = await Promise.all([batches.send(form(), id), batches.send(form(), id)]);
    assert.deepEqual(
      first.items.map((item) => item.id).toSorted(),
      second.items.map((item) => item.id).toSorted(),
    );
    await batches.act(id, 'close');
    const ended = await batches.ended(id);
    assert.deepEqual([ended.items, ended.counts.ready, ended.counts.duplicate], [2, 1, 1]);
    const later = await batches.send(form());
    assert.deepEqual([later.batch.state, later.batch.counts.duplicate], ['done', 2]);
    assert.equal(
      (
        await errorOf(
          await fetch(`${batches.base}/${id}/files`, { method: 'POST', body: formOf({ 'new.md': 'x' }) }),
        )
      ).code,
      'batch_closed',
    );
  });

  it('replaces by path with replace=external_id', async () => {
    const send = (content: string) =>
      batches.send(formOf({ 'guide/intro.md': content }, { replace: 'external_id' }));
    const [one] = (await send('the first edition')).items;
    const isReady = async () => (await documentOf(one?.document_id ?? '')).status === 'ready';
    await waitFor(isReady, { what: 'the first edition' });
    const second = await send('the second edition');
    assert.equal(second.items[0]?.document_id, one?.document_id);
    assert.equal(second.items[0]?.version, 2);
    assert.equal((await batches.ended(second.batch.id)).counts.ready, 1);
    const document = await documentOf(one?.document_id ?? '');
    assert.deepEqual(
      [document.external_id, document.version, document.indexed_version],
      ['guide/intro.md', 2, 2],
    );
  });

  it('ingests kept bytes into another collection by a manifest, and says which bytes are there', async () => {
    await fetch(`${stack.url}/api/knowledge/collections/copies`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    const response = await uploadAndWait(stack.url, '原件.md', '这是要复制的原件。');
    const { hash, id } = await dataOf<{ hash: string; id: string }>(response);
    const missing = 'f'.repeat(64);
    const lookup = async (collection: string) =>
      (
        await dataOf<{ documents: { hash: string; id: string; status: string }[] }>(
          await knowledge('lookup', { collection, hashes: [hash, missing] }),
        )
      ).documents;
    assert.deepEqual(
      (await lookup('default')).map((known) => [known.hash, known.id, known.status]),
      [[hash, id, 'ready']],
    );
    assert.deepEqual(await lookup('copies'), []);

    const { id: batchId } = await batches.create({
      collection: 'copies',
      metadata: { kind: 'copy' },
      manifest: [
        { hash, metadata: { from: 'default' } },
        { hash: missing, filename: 'none.md' },
      ],
    });
    const ended = await batches.ended(batchId);
    assert.deepEqual([ended.counts.ready, ended.counts.refused], [1, 1]);
    const [copy] = await batches.items(batchId, { status: 'ready' });
    const document = await documentOf(copy?.document_id ?? '');
    assert.deepEqual(
      [document.filename, document.collection, document.metadata],
      ['原件.md', 'copies', { kind: 'copy', from: 'default' }],
    );
    const [refused] = await batches.items(batchId, { status: 'refused' });
    assert.equal(refused?.error?.code, 'unknown_hash');
    assert.equal((await lookup('copies'))[0]?.id, document.id);
  });

  it('creates one batch per Idempotency-Key', async () => {
    const create = (body: object) => postJson(batches.base, body, { 'idempotency-key': 'nightly' });
    const [one, two] = await Promise.all([create({ name: 'a' }), create({ name: 'a' })]);
    assert.equal((await dataOf<Batch>(one)).id, (await dataOf<Batch>(two)).id);
    assert.equal((await errorOf(await create({ name: 'b' }))).code, 'idempotency_key_reused');
    const manifest = [{ hash: 'f'.repeat(64) }];
    assert.equal((await errorOf(await create({ name: 'a', manifest }))).code, 'idempotency_key_reused');
  });

  it('refuses what makes no sense, and says what to do', async () => {
    const { id } = await batches.create({});
    const post = (path: string, body?: FormData) =>
      fetch(`${batches.base}${path}`, { method: 'POST', ...(body && { body }) });
    const code = async (response: Promise<Response>) => (await errorOf(await response)).code;
    assert.equal(await code(fetch(`${batches.base}/batch_nope`)), 'not_found');
    assert.equal(await code(fetch(`${batches.base}/doc_1`)), 'not_found');
    assert.equal(await code(postJson(batches.base, { collection: 'nowhere' })), 'unknown_collection');
    assert.equal(await code(postJson(batches.base, { manifest: [{ hash: 'x' }] })), 'invalid_request');
    const half = [{ hash: 'f'.repeat(64), external_id: '\ud83d' }];
    assert.equal(await code(postJson(batches.base, { manifest: half })), 'invalid_request');
    assert.equal(await code(post(`/${id}/files`, new FormData())), 'no_file');
    assert.equal(await code(post('', formOf({ 'a.md': 'x' }, { metadata: '{' }))), 'invalid_request');
    const late = formOf({ 'late.md': 'text before the field' });
    late.append('collection', 'default');
    assert.equal(await code(post('', late)), 'late_field');
    const single = new FormData();
    single.append('file', new File([zipOf([{ name: 'a.txt', content: 'x' }])], 'a.zip'));
    const upload = fetch(`${stack.url}/api/knowledge/upload`, { method: 'POST', body: single });
    assert.match((await errorOf(await upload)).message, /\/api\/knowledge\/batches/);
    await batches.act(id, 'close');
    assert.equal(await code(post(`/${id}/pause`)), 'batch_ended');
  });
});

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
    assert.equal((await single).status, 200);
    const then = await batches.get(batch.id);
    assert.ok(then.counts.ready < 25, `it waited for ${then.counts.ready} of the batch`);
    assert.equal((await batches.ended(batch.id)).counts.ready, 50);
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
    const error = { code: 'internal_error', message: 'It was a bad day.' };
    const owner = { version: 1, attempt: 1 };
    await openDocuments(redis).update('default', unlucky?.document_id ?? '', owner, {
      status: 'failed',
      error,
    });
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
  });
});

describe('limits of batches', () => {
  let stack: TestStack;
  let batches: ReturnType<typeof batchesAt>;
  before(async () => {
    stack = await startStack({
      services: [],
      env: {
        UPLOAD_MAX_FILES: '3',
        UPLOAD_TIMEOUT_SECONDS: '2',
        UPLOAD_MAX_BYTES: '1000',
        ARCHIVE_MAX_BYTES: '2000',
        ARCHIVE_MAX_ENTRIES: '5',
      },
    });
    batches = batchesAt(stack.url);
  });
  after(() => stack[Symbol.asyncDispose]());
  const add = (id: string, files: Parameters<typeof formOf>[0]) =>
    fetch(`${batches.base}/${id}/files`, { method: 'POST', body: formOf(files) });

  it('keeps what came before too many files, and refuses by itself what is too large', async () => {
    const { id } = await batches.create({});
    const many = await add(id, { 'a.md': 'a', 'b.md': 'b', 'c.md': 'c', 'd.md': 'd' });
    assert.deepEqual([many.status, (await errorOf(many)).code], [413, 'too_many_files']);
    assert.equal((await batches.get(id)).counts.queued, 3);
    const noise = Uint8Array.from({ length: 4_000 }, (_, i) => (i * i * 7919) % 251);
    const entries = Array.from({ length: 6 }, (_, i) => ({ name: `${i}.md`, content: 'x' }));
    const large = await dataOf<{ items: BatchItem[] }>(
      await add(id, { 'large.md': 'x'.repeat(1_001), 'large.zip': noise, 'many.zip': zipOf(entries) }),
    );
    assert.deepEqual(Object.fromEntries(large.items.map(({ filename, error }) => [filename, error?.code])), {
      'large.md': 'too_large',
      'large.zip': 'too_large',
      'many.zip': 'too_many_files',
    });
  });

  it('ends a request that takes too long with 408, keeps what came of it, and leaves no temporary file', async () => {
    const { id } = await batches.create({});
    const part = (name: string, content: string) =>
      `--x\r\ncontent-disposition: form-data; name="file"; filename="${name}"\r\n\r\n${content}\r\n`;
    const request = httpRequest(`${batches.base}/${id}/files`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=x' },
    });
    request.on('error', () => {});
    const responded = once(request, 'response') as Promise<[IncomingMessage]>;
    request.write(part('first.md', 'The first is whole.') + part('second.md', 'of the second ').slice(0, -2));
    const [response] = await responded;
    let body = '';
    for await (const chunk of response.setEncoding('utf8')) body += chunk;
    assert.equal(response.statusCode, 408);
    assert.match(body, /"upload_timeout"/);
    const items = await batches.items(id);
    assert.deepEqual(statuses(items), { 'first.md': 'queued' });
    const leftovers = () => readdir(join(stack.dataDir, 'uploads'));
    await waitFor(async () => (await leftovers()).length === 0, { what: 'the temporary files to go' });
  });
});
