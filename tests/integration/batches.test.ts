import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Batch } from '@sluice/shared/contracts/batches';
import type { Document } from '@sluice/shared/contracts/knowledge';
import { dataOf, errorOf, postJson, readEvents, uploadAndWait } from '../helpers/api.ts';
import { batchesAt, checkSum, formOf } from '../helpers/batches.ts';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';
import { encodeLegacy, writeZip } from '../helpers/zip.ts';

const zipOf = (...args: Parameters<typeof writeZip>) => new Uint8Array(writeZip(...args));

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
    const begun = performance.now();
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
    // From before the request on, so that events which are received late are no reason to fail.
    for (const [i, time] of times.entries())
      assert.ok(time - begun >= i * 245, `event ${i} came after ${time - begun} ms`);
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
