import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createClient } from '../client/src/index.ts';
import { startScriptedServer, succeed } from '../client/test/scripted-server.ts';
import { queueUploads } from './upload-queue.ts';

const { signal } = new AbortController();

describe('queueUploads', () => {
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sluice-queue-'));
  });
  after(() => rm(dir, { recursive: true }));

  const queue = async (files: { name: string; content?: string; bytes?: number }[], known: object[]) => {
    await using server = await startScriptedServer((_request, response) =>
      succeed(response, { documents: known }),
    );
    const local = files.map(({ name, content = name, bytes = content.length }) => ({
      path: join(dir, name),
      name,
      bytes,
    }));
    for (const { name, content = name } of files)
      if (content !== 'missing') await writeFile(join(dir, name), content);
    const skipped: (string | undefined)[] = [];
    const failed: string[] = [];
    const forms = await Array.fromAsync(
      queueUploads(
        createClient({ baseUrl: server.url }),
        local,
        { collection: 'docs', replace: 'none', signal },
        {
          onSkipped: (batch) => skipped.push(batch),
          onFailed: ({ name, code }) => failed.push(`${name} ${code}`),
        },
      ),
    );
    return {
      skipped,
      failed,
      forms: forms.map((form) => form.map(({ name }) => name)),
      requests: server.requests,
    };
  };
  // printf a | sha256sum
  const HASH_OF_A = 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb';

  it('leaves out what the server has, but not what failed there', async () => {
    const known = [
      { hash: HASH_OF_A, status: 'ready', batch: 'batch_1' },
      { hash: '3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d', status: 'failed' },
    ];
    const { skipped, forms, requests } = await queue([{ name: 'a' }, { name: 'b' }, { name: 'c' }], known);
    assert.deepEqual([skipped, forms], [['batch_1'], [['b', 'c']]]);
    const body = JSON.parse(requests[0]?.body ?? '') as { hashes: string[]; collection: string };
    assert.equal(body.collection, 'docs');
    assert.equal(body.hashes.length, 3);
    assert.ok(body.hashes.includes(HASH_OF_A));
  });

  it('goes on with the others when a file cannot be read', async () => {
    const { failed, forms } = await queue([{ name: 'gone', content: 'missing' }, { name: 'b' }], []);
    assert.deepEqual([failed, forms], [['gone unreadable'], [['b']]]);
  });

  it('fills forms by number and by size, and sends a large file alone', async () => {
    const large = { name: 'large', bytes: 100 * 1024 ** 2 };
    const medium = ['m1', 'm2', 'm3'].map((name) => ({ name, bytes: 3 * 1024 ** 2 }));
    assert.deepEqual((await queue([{ name: 'a' }, large, ...medium], [])).forms, [
      ['a'],
      ['large'],
      ['m1', 'm2'],
      ['m3'],
    ]);
    const many = Array.from({ length: 250 }, (_, i) => ({ name: `many ${i}` }));
    const { forms, requests } = await queue(many, []);
    assert.deepEqual(
      forms.map((form) => form.length),
      [32, 32, 32, 32, 32, 32, 32, 26],
    );
    assert.equal(requests.length, 2);
  });
});
