import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DocumentEvent, KnowledgeDocument, KnownDocument } from '@sluice/client';
import { waitFor } from '../../../dev/wait-for.ts';
import { createUploadQueue } from './upload-queue.ts';
import type { UploadDeps, UploadQueue } from './upload-queue.ts';

const cursor = '1-1';
const SETTINGS = { collection: 'default', replace: 'none' as const };
const pick = (path: string, content = path) => ({
  file: new File([content], path.split('/').at(-1) ?? ''),
  path,
  isNamed: true,
});
const coded = (code: string) => Object.assign(new Error(code), { code });

/** A server that a test decides about; it says how many requests of a kind were under way at most. */
function createServer(script: Partial<UploadDeps> = {}) {
  const most = { sending: 0, watching: 0 };
  const now = { sending: 0, watching: 0 };
  const during = async <T>(kind: keyof typeof now, work: () => Promise<T>): Promise<T> => {
    most[kind] = Math.max(most[kind], ++now[kind]);
    try {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return await work();
    } finally {
      now[kind] -= 1;
    }
  };
  const deps: UploadDeps = {
    hash: async (file) => `hash of ${await file.text()}`,
    lookup: async () => [],
    send: (file, _settings, onSent, signal) =>
      during('sending', async () => {
        signal.throwIfAborted();
        onSent(5, 10);
        return { id: `doc_${file.name}`, filename: file.name, hash: 'h', status: 'queued', version: 1 };
      }),
    async *events(id) {
      await during('watching', async () => {});
      yield { type: 'started', cursor, attempt: 1 } satisfies DocumentEvent;
      if (id.includes('bad')) throw coded('encrypted');
      yield { type: 'done', cursor, finish_reason: 'indexed', chunks: 3 } satisfies DocumentEvent;
    },
    get: async () => ({ status: 'queued' }) as KnowledgeDocument,
    reingest: async () => {},
    faultOf: (error) =>
      error instanceof Error && 'code' in error && typeof error.code === 'string'
        ? { code: error.code, message: error.message }
        : undefined,
    onChange: () => {},
    ...script,
  };
  return { deps, most };
}
function createGate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}
const stagesOf = ({ items }: UploadQueue) =>
  Object.fromEntries(items.map(({ path, stage }) => [path, stage]));

describe('upload queue', () => {
  it('uploads and follows many files, two of each at a time', async () => {
    const { deps, most } = createServer();
    const queue = createUploadQueue(deps, 5);
    const files = Array.from({ length: 9 }, (_, i) => pick(`${i}.md`));
    await queue.add([...files, pick('目录/bad.pdf')], SETTINGS);
    assert.deepEqual(most, { sending: 2, watching: 2 });
    const ended = queue.items.map(({ stage }) => stage);
    assert.deepEqual(ended, [...Array<string>(9).fill('ready'), 'failed']);
    assert.deepEqual([queue.items[0]?.chunks, queue.items.at(-1)?.fault?.code], [3, 'encrypted']);
    assert.deepEqual(queue.items[0]?.sent, { done: 5, total: 10 });
    queue.dismiss(queue.items[0]);
    assert.equal(queue.items.length, 9);
    queue.dismiss();
    assert.equal(queue.items.length, 0);
  });

  it('sends nothing that is there, unless it is to replace a document of its name', async () => {
    const there: KnownDocument = {
      hash: 'hash of x',
      id: 'doc_1',
      filename: 'other.md',
      version: 1,
      status: 'ready',
    };
    const { deps } = createServer({
      lookup: async (hashes) =>
        [there, { ...there, hash: 'hash of y', status: 'failed' as const }].filter(({ hash }) =>
          hashes.includes(hash),
        ),
    });
    const queue = createUploadQueue(deps, 5);
    await queue.add([pick('a.md', 'x'), pick('b.md', 'y')], SETTINGS);
    assert.deepEqual(stagesOf(queue), { 'a.md': 'duplicate', 'b.md': 'ready' });
    assert.equal(queue.items[0]?.documentId, 'doc_1');
    queue.dismiss();
    await queue.add([pick('a.md', 'x'), pick('sub/other.md', 'x')], { ...SETTINGS, replace: 'filename' });
    assert.deepEqual(stagesOf(queue), { 'a.md': 'ready', 'sub/other.md': 'duplicate' });
  });

  it('sends everything where the server cannot be asked, or the browser cannot hash', async () => {
    const { deps } = createServer({
      hash: async (file) => (file.name === 'b.md' ? undefined : 'h'),
      lookup: async () => Promise.reject(new Error('away')),
    });
    const queue = createUploadQueue(deps, 5);
    await queue.add([pick('a.md'), pick('b.md')], SETTINGS);
    assert.deepEqual(stagesOf(queue), { 'a.md': 'ready', 'b.md': 'ready' });
  });

  it('says which file cannot be read, and goes on with the others', async () => {
    const { deps } = createServer({
      hash: async (file) => (file.name === 'gone.md' ? Promise.reject(new Error('NotFoundError')) : 'h'),
    });
    const queue = createUploadQueue(deps, 5);
    await queue.add([pick('gone.md'), pick('b.md')], SETTINGS);
    assert.deepEqual(stagesOf(queue), { 'gone.md': 'failed', 'b.md': 'ready' });
    assert.equal(queue.items[0]?.fault?.code, 'unreadable');
  });

  it('goes on following while the server is away', async () => {
    let connections = 0;
    const { deps } = createServer({
      async *events() {
        connections += 1;
        yield {
          type: 'progress',
          cursor,
          stage: 'upsert',
          done: connections,
          total: 3,
        } satisfies DocumentEvent;
        if (connections < 3) throw new TypeError('away');
        yield { type: 'done', cursor, finish_reason: 'indexed', chunks: 3 } satisfies DocumentEvent;
      },
    });
    const queue = createUploadQueue(deps, 1);
    await queue.add([pick('a.md')], SETTINGS);
    assert.deepEqual([connections, stagesOf(queue)], [3, { 'a.md': 'ready' }]);
  });

  it('learns the end of documents that it has no turn to watch', async () => {
    const held = createGate();
    const { deps } = createServer({
      async *events(id) {
        if (id === 'doc_c.md') throw new Error('there is no turn for it');
        await held.opened;
        yield { type: 'done', cursor, finish_reason: 'indexed', chunks: 1 } satisfies DocumentEvent;
      },
      get: async () => ({ status: 'ready', chunks: 7 }) as KnowledgeDocument,
    });
    const queue = createUploadQueue(deps, 1);
    const added = queue.add([pick('a.md'), pick('b.md'), pick('c.md')], SETTINGS);
    await waitFor(async () => stagesOf(queue)['c.md'] === 'ready', { timeoutMs: 5_000, what: 'c.md' });
    assert.deepEqual(stagesOf(queue), { 'a.md': 'queued', 'b.md': 'queued', 'c.md': 'ready' });
    held.open();
    await added;
    assert.equal(queue.items[2]?.chunks, 7);
  });

  it('gives up what is not sent yet, and nothing else', async () => {
    const held = createGate();
    const { deps } = createServer({
      send: async (file, _settings, _onSent, signal) => {
        await Promise.race([
          held.opened,
          new Promise((_resolve, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason as Error)),
          ),
        ]);
        return { id: `doc_${file.name}`, filename: file.name, hash: 'h', status: 'queued', version: 1 };
      },
    });
    const queue = createUploadQueue(deps, 1);
    const added = queue.add(
      ['a.md', 'b.md', 'c.md'].map((name) => pick(name)),
      SETTINGS,
    );
    const [a, , c] = queue.items;
    await waitFor(async () => a?.stage === 'sending', { timeoutMs: 5_000, what: 'a.md to be sent' });
    if (a && c) [a, c].forEach(queue.cancel);
    held.open();
    await added;
    assert.deepEqual(stagesOf(queue), { 'a.md': 'cancelled', 'b.md': 'ready', 'c.md': 'cancelled' });
    queue.cancel(queue.items[1] ?? assert.fail());
    assert.equal(queue.items[1]?.stage, 'ready');
  });

  it('tries again what may pass: by sending, or by ingesting what the server has', async () => {
    const reingested: string[] = [];
    let isAway = true;
    const { deps } = createServer({
      async *events(id) {
        if (isAway) throw coded(id === 'doc_b.md' ? 'encrypted' : 'model_unavailable');
        yield { type: 'done', cursor, finish_reason: 'indexed', chunks: 1 } satisfies DocumentEvent;
      },
      reingest: async (id) => void reingested.push(id),
    });
    const queue = createUploadQueue(deps, 1);
    await queue.add([pick('a.md'), pick('b.md')], SETTINGS);
    isAway = false;
    await Promise.all(queue.items.map(queue.retry));
    assert.deepEqual(stagesOf(queue), { 'a.md': 'ready', 'b.md': 'failed' });
    assert.deepEqual(reingested, ['doc_a.md']);
  });
});
