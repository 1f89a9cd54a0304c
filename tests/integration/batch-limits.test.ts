import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { BatchItem } from '@sluice/shared/contracts/batches';
import { dataOf, errorOf } from '../helpers/api.ts';
import { batchesAt, formOf } from '../helpers/batches.ts';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';
import { writeZip } from '../helpers/zip.ts';

const zipOf = (...args: Parameters<typeof writeZip>) => new Uint8Array(writeZip(...args));
const statuses = (items: BatchItem[]) =>
  Object.fromEntries(items.map((item) => [item.filename, item.status]));

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
    const fresh = await fetch(batches.base, {
      method: 'POST',
      body: formOf({ '1.md': '1', '2.md': '2', '3.md': '3', '4.md': '4' }),
    });
    assert.equal(fresh.status, 413);
    const kept = await fetch(`${stack.url}${fresh.headers.get('location')}/items`);
    assert.deepEqual(statuses((await dataOf<{ items: BatchItem[] }>(kept)).items), {
      '1.md': 'queued',
      '2.md': 'queued',
      '3.md': 'queued',
    });
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
