import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { dataOf, errorOf, uploadAndWait } from '../helpers/api.ts';
import { startS3 } from '../helpers/s3.ts';
import type { TestS3 } from '../helpers/s3.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

describe('files in S3', () => {
  let s3: TestS3;
  let stack: TestStack;
  before(async () => {
    s3 = await startS3();
    stack = await startStack({
      services: ['ingest-worker'],
      env: {
        S3_BUCKET: s3.bucket,
        S3_ENDPOINT: s3.url,
        S3_ACCESS_KEY_ID: s3.accessKeyId,
        S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
      },
    });
  });
  after(async () => {
    await stack[Symbol.asyncDispose]();
    await s3[Symbol.asyncDispose]();
  });

  it('are uploaded, read by the worker, shown and deleted, and none is on the local disk', async () => {
    const text = '龙井茶产于杭州西湖一带，冲泡时水温以八十度为宜。';
    const response = await uploadAndWait(stack.url, '茶叶.md', text);
    assert.equal(response.status, 200, stack.services.at(-1)?.logs());
    const { id } = await dataOf<{ id: string }>(response);
    assert.deepEqual([...s3.objects.keys()].toSorted(), [
      `default/${id}/v1/original`,
      `default/${id}/v1/text.json`,
      `default/${id}/v1/text.txt`,
    ]);
    const document = `${stack.url}/api/knowledge/documents/${id}`;
    assert.equal(await (await fetch(`${document}/text`)).text(), text);
    assert.equal(existsSync(join(stack.dataDir, 'blobs')), false);
    assert.deepEqual(await readdir(join(stack.dataDir, 'uploads')), []);

    assert.equal((await fetch(document, { method: 'DELETE' })).status, 200);
    assert.deepEqual([...s3.objects.keys()], []);
  });

  it('are refused with a code of its own while the storage is away, and accepted afterwards', async () => {
    s3.fail(1_000, 503);
    const refused = await uploadAndWait(stack.url, 'away.txt', 'The storage is away.');
    const { code, retryAfter } = await errorOf(refused);
    assert.deepEqual([refused.status, code, Number(retryAfter) > 0], [503, 'blob_store_unavailable', true]);
    assert.deepEqual(await readdir(join(stack.dataDir, 'uploads')), []);
    s3.fail(0, 503);
    const accepted = await uploadAndWait(stack.url, 'away.txt', 'The storage is away.');
    assert.equal((await dataOf<{ status: string }>(accepted)).status, 'ready');
  });
});
