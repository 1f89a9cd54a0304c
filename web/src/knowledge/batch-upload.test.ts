import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createBatchSender, nameBatch } from './batch-upload.ts';
import type { BatchUploadDeps } from './batch-upload.ts';
import type { PickedFile } from './picked-files.ts';

const SETTINGS = { collection: 'default', replace: 'none' as const };
const pick = (path: string, bytes = 10): PickedFile => ({
  file: { name: path, size: bytes } as File,
  path,
  isNamed: !path.includes('/'),
});
const many = (count: number) => Array.from({ length: count }, (_, i) => pick(`手册/${i}.md`));

function createServer(script: Partial<BatchUploadDeps> = {}) {
  const added: string[][] = [];
  const calls: string[] = [];
  const deps: BatchUploadDeps = {
    hash: async ({ name }) => name,
    lookup: async () => [],
    create: async (name) => {
      calls.push(`create ${name}`);
      return 'batch_1';
    },
    add: async (_id, files, onSent) => {
      onSent(50, 100);
      await new Promise((resolve) => setTimeout(resolve, 1));
      added.push(files.map(({ path }) => path));
    },
    close: async (id) => calls.push(`close ${id}`),
    faultOf: (error) =>
      error instanceof Error && 'code' in error ? { code: String(error.code), message: '' } : undefined,
    ...script,
  };
  return { deps, added, calls };
}

describe('batch upload', () => {
  it('sends all files once, a few in each request, and closes the batch', async () => {
    const { deps, added, calls } = createServer();
    const files = [...many(150), pick('大.pdf', 9e6), pick('更大.pdf', 9e6), ...many(301).slice(150)];
    const { state, run } = createBatchSender(deps, '手册', files, SETTINGS);
    await run();
    assert.deepEqual(added.flat().toSorted(), files.map(({ path }) => path).toSorted());
    assert.ok(added.every((form) => form.length <= 32));
    assert.deepEqual(
      added.filter((form) => form.some((path) => path.endsWith('.pdf'))),
      [['大.pdf'], ['更大.pdf']],
    );
    assert.deepEqual(calls, ['create 手册', 'close batch_1']);
    assert.deepEqual(
      [state.phase, state.checked, state.sent],
      ['sent', 303, { files: 303, bytes: state.bytes }],
    );
  });

  it('sends nothing that is there, and makes no batch of nothing', async () => {
    const known = (hash: string) => ({ hash, id: 'd', filename: hash, version: 1, status: 'ready' as const });
    const { deps, added, calls } = createServer({ lookup: async (hashes) => hashes.map(known) });
    const { state, run } = createBatchSender(deps, 'n', many(120), SETTINGS);
    await run();
    assert.deepEqual([added, calls, state.phase], [[], [], 'sent']);
    assert.deepEqual([state.known, state.batchId], [{ files: 120, bytes: 1_200 }, undefined]);
  });

  it('names the files that cannot be read, and sends the others', async () => {
    const { deps, added } = createServer({
      hash: async ({ name }) => (name.endsWith('/7.md') ? Promise.reject(new Error('gone')) : undefined),
    });
    const { state, run } = createBatchSender(deps, 'n', many(25), SETTINGS);
    await run();
    assert.deepEqual([state.unreadable, added.flat().length, state.phase], [['手册/7.md'], 24, 'sent']);
  });

  it('stops when a request fails, and goes on from there without losing or repeating a file', async () => {
    let requests = 0;
    const { deps, added, calls } = createServer();
    const { add } = deps;
    deps.add = async (id, files, onSent, signal) => {
      requests += 1;
      if (requests === 3) throw Object.assign(new Error('full'), { code: 'overloaded' });
      await add(id, files, onSent, signal);
    };
    const files = many(400);
    const { state, run } = createBatchSender(deps, 'n', files, SETTINGS);
    await run();
    assert.deepEqual([state.phase, state.fault?.code, calls], ['stopped', 'overloaded', ['create n']]);
    assert.equal(state.sent.bytes, added.flat().length * 10);
    await run();
    assert.deepEqual([state.phase, state.fault, calls.length], ['sent', undefined, 2]);
    assert.deepEqual(added.flat().toSorted(), files.map(({ path }) => path).toSorted());
  });

  it('tries to make the batch again when that failed', async () => {
    let creations = 0;
    const { deps } = createServer({
      create: async () => {
        creations += 1;
        if (creations === 1) throw new TypeError('away');
        return 'batch_2';
      },
    });
    const { state, run } = createBatchSender(deps, 'n', many(30), SETTINGS);
    await run();
    assert.deepEqual([state.phase, state.fault?.code], ['stopped', 'unreachable']);
    await run();
    assert.deepEqual([state.phase, state.batchId, state.sent.files], ['sent', 'batch_2', 30]);
  });

  it('sends nothing more when it is cancelled', async () => {
    const { deps, added, calls } = createServer();
    const sender = createBatchSender(deps, 'n', many(400), SETTINGS);
    const { add } = deps;
    deps.add = async (...args) => {
      await add(...args);
      sender.cancel();
    };
    await sender.run();
    const sent = added.length;
    await sender.run();
    assert.equal(sender.state.phase, 'cancelled');
    assert.deepEqual([added.length, calls], [sent, ['create n']]);
    assert.ok(sent <= 2);
  });

  it('is named by the folder or archive that its files are from', () => {
    assert.equal(nameBatch(many(3)), '手册');
    assert.equal(nameBatch([pick('reports.zip')]), 'reports.zip');
    assert.equal(nameBatch([pick('a.md'), pick('b.md')]), undefined);
    assert.equal(nameBatch([pick('x/a.md'), pick('y/b.md')]), undefined);
  });
});
