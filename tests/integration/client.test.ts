import assert from 'node:assert/strict';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { createClient } from '../../client/src/index.ts';
import type { ChatEvent, SluiceClient, UploadProgress } from '../../client/src/index.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const ROOT = join(import.meta.dirname, '../..');
const QUESTION = { messages: [{ role: 'user' as const, content: 'Who are you?' }] };
const TEA = '# 茶叶手册\n\n## 绿茶\n\n龙井茶产于杭州西湖一带，冲泡时水温以八十度为宜。\n';

/** A TCP forwarder: one address, behind which the server may change. */
interface Forwarder extends AsyncDisposable {
  url: string;
  /** Where new connections go. */
  target: number;
  /** Told what comes back, before the client is; false breaks the connection instead. */
  onAnswer: (bytes: Buffer) => boolean;
}

async function startForwarder(target: number): Promise<Forwarder> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(forwarder.target, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => {
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream);
    upstream.on('data', (bytes) => (forwarder.onAnswer(bytes) ? client.write(bytes) : client.destroy()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const forwarder: Forwarder = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    target,
    onAnswer: () => true,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
  return forwarder;
}

describe('client', () => {
  let stack: TestStack;
  let sluice: SluiceClient;
  before(async () => {
    stack = await startStack({ tokenDelayMs: 10 });
    sluice = createClient({ baseUrl: stack.url });
  });
  after(() => stack[Symbol.asyncDispose]());

  it('streams typed events, gives the text and the final state', async () => {
    const stream = sluice.chat.stream(QUESTION);
    const events: ChatEvent[] = [];
    for await (const event of stream) events.push(event);
    assert.deepEqual(
      [...new Set(events.map(({ type }) => type))],
      ['accepted', 'queued', 'started', 'content', 'usage', 'done'],
    );
    const [accepted] = events;
    assert.ok(accepted?.type === 'accepted');
    assert.equal(accepted.id, await stream.id);
    const text = events.map((event) => (event.type === 'content' ? event.content : '')).join('');
    assert.match(text, /offline model/);
    assert.equal(await stream.text(), text);
    const { id, status, content, finish_reason, usage } = await stream.final();
    assert.deepEqual([id, status, content, finish_reason], [accepted.id, 'done', text, 'stop']);
    assert.ok(usage && usage.completion_tokens > 0);
    assert.deepEqual(await sluice.chat.get(id), await stream.final());
  });

  it('gives the answer as a whole', async () => {
    const { content, finish_reason, usage } = await sluice.chat.create({ ...QUESTION, max_tokens: 1_000 });
    assert.match(content, /offline model/);
    assert.equal(finish_reason, 'stop');
    assert.ok(usage && usage.prompt_tokens > 0);
  });

  it('resumes after any event', async () => {
    const stream = sluice.chat.stream(QUESTION);
    const events: ChatEvent[] = [];
    for await (const event of stream) events.push(event);
    for (const index of [1, 5, events.length - 2]) {
      const rest: ChatEvent[] = [];
      for await (const event of sluice.chat.resume(await stream.id, { after: events[index]?.cursor }))
        rest.push(event);
      assert.deepEqual(rest, events.slice(index + 1));
    }
    await assert.rejects(sluice.chat.resume('chat_unknown').text(), { status: 404, code: 'not_found' });
    const beyond = sluice.chat.resume(await stream.id, { after: '99-1' });
    await assert.rejects(beyond.text(), { status: 410, code: 'unknown_cursor' });
    await assert.rejects(sluice.chat.create({ messages: [] }), { status: 400, code: 'invalid_request' });
  });

  it('reads exactly the whole while gateways are killed and others take their place', async () => {
    let gateway = await stack.start('gateway');
    await using forwarder = await startForwarder(gateway.port);
    const { chat } = createClient({ baseUrl: forwarder.url, retry: { minDelayMs: 10, maxDelayMs: 100 } });
    const stream = chat.stream(QUESTION);
    const events: ChatEvent[] = [];
    let kills = 0;
    for await (const event of stream) {
      events.push(event);
      if (event.type !== 'content' || kills === 2 || events.length < 8 * (kills + 1)) continue;
      kills += 1;
      const next = await stack.start('gateway');
      await gateway.kill();
      forwarder.target = next.port;
      gateway = next;
    }
    assert.equal(kills, 2);
    const undisturbed: ChatEvent[] = [];
    for await (const event of sluice.chat.resume(await stream.id)) undisturbed.push(event);
    assert.deepEqual(events.slice(1), undisturbed);
    await gateway.kill();
  });

  it('asks once, even when the answer to the question is lost', async () => {
    await using forwarder = await startForwarder(stack.gateway.port);
    const answers: string[] = [];
    forwarder.onAnswer = (bytes) => {
      const id = /^x-chat-id: (\S+)/im.exec(bytes.toString())?.[1];
      if (id !== undefined) answers.push(id);
      return answers.length > 2;
    };
    const { chat } = createClient({ baseUrl: forwarder.url, retry: { minDelayMs: 10 } });
    const stream = chat.stream(QUESTION);
    assert.match(await stream.text(), /offline model/);
    assert.deepEqual([answers.length, new Set(answers)], [3, new Set([await stream.id])]);
  });

  it('cancels a chat, which ends its stream', async () => {
    const stream = sluice.chat.stream(QUESTION);
    let last: ChatEvent | undefined;
    for await (const event of stream) {
      if (event.type === 'content' && last?.type !== 'content') await stream.cancel();
      last = event;
    }
    assert.equal(last?.type, 'cancelled');
    const state = await stream.final();
    assert.equal(state.status, 'cancelled');
    assert.equal(state.content, await stream.text());
    assert.equal((await sluice.chat.cancel(state.id)).status, 'cancelled', 'again');
  });

  it('keeps many streams apart', async () => {
    const streams = Array.from({ length: 20 }, (_, i) =>
      sluice.chat.stream({
        messages: [{ role: 'user', content: i % 2 === 0 ? 'Who are you?' : '你是谁？' }],
      }),
    );
    const texts = await Promise.all(streams.map((stream) => stream.text()));
    for (const [i, text] of texts.entries()) assert.match(text, i % 2 === 0 ? /offline model/ : /离线模型/);
    assert.equal(new Set(await Promise.all(streams.map(({ id }) => id))).size, 20);
  });

  it('uploads, asks with citations, searches, lists, deletes', async () => {
    const progress: UploadProgress[] = [];
    const [tea, refused] = await sluice.knowledge.upload(
      [new File([TEA], '茶叶手册.md'), { name: 'tool.exe', content: 'MZ' }],
      { wait: true, onProgress: (step) => progress.push(step) },
    );
    assert.ok(tea && 'chunks' in tea && refused && 'error' in refused);
    assert.deepEqual(
      [tea.filename, tea.status, refused.error.code],
      ['茶叶手册.md', 'ready', 'unsupported_type'],
    );
    assert.ok((tea.chunks ?? 0) > 0);
    assert.ok(progress.length > 0 && progress.every(({ id }) => id === tea.id));

    const stream = sluice.chat.stream({
      messages: [{ role: 'user', content: '龙井茶用多少度的水冲泡？' }],
      knowledge: { documents: [tea.id] },
    });
    const { content, sources = [] } = await stream.final();
    assert.match(content, /八十度.*\[1\]/s);
    const text = await sluice.knowledge.text(tea.id);
    for (const source of sources) assert.equal(text.slice(source.start, source.end), source.text);

    const [best] = await sluice.knowledge.search({ query: '龙井茶', top_k: 1 });
    assert.equal(best?.document_id, tea.id);
    const again = await sluice.knowledge.upload(new File([TEA], '茶叶手册.md'), { wait: true });
    assert.deepEqual([again.id, again.duplicate, again.chunks], [tea.id, true, tea.chunks]);
    const second = await sluice.knowledge.upload({ name: 'b.txt', content: 'Something else.' });
    const ids: string[] = [];
    for await (const document of sluice.knowledge.listAll({ limit: 1 })) ids.push(document.id);
    assert.deepEqual(ids, [second.id, tea.id]);
    await sluice.knowledge.delete(tea.id);
    await assert.rejects(sluice.knowledge.get(tea.id), { status: 404, code: 'not_found' });
  });

  it('says what may be sent, keeps collections, and ingests and describes a document again', async () => {
    const settings = await sluice.knowledge.settings();
    assert.deepEqual(
      [settings.file_bytes, settings.upload_files, settings.rerank],
      [10 * 1024 ** 2, 100, false],
    );
    assert.equal(settings.endings['.htm'], 'html');
    const oversized = new File(['x'.repeat(settings.file_bytes + 1)], 'a.txt');
    await assert.rejects(sluice.knowledge.upload(oversized), { code: 'too_large' });

    const made = await sluice.collections.put('lamps', { chunking: { size: 100, overlap: 10 } });
    assert.deepEqual([made.name, made.documents], ['lamps', 0]);
    const file = { name: 'lamp.md', content: `# Lamp\n\n${'It burns whale oil. '.repeat(20)}` };
    const lamp = await sluice.knowledge.upload(file, { collection: 'lamps', wait: true });
    assert.deepEqual(
      (await sluice.knowledge.list({ collection: 'lamps' })).documents.map(({ id }) => id),
      [lamp.id],
    );
    assert.equal((await sluice.knowledge.describe(lamp.id, { year: 1931 })).metadata['year'], 1931);
    await sluice.collections.put('lamps', { chunking: { size: 1_000, overlap: 0 } });
    const again = await sluice.knowledge.reingest(lamp.id);
    assert.deepEqual([again.version, again.metadata], [2, { year: 1931 }]);
    for await (const event of sluice.knowledge.events(lamp.id))
      if (event.type === 'done') assert.equal(event.chunks, 1);
    assert.ok((lamp.chunks ?? 0) > 1);

    const { results, dropped } = await sluice.knowledge.retrieve({ query: 'whale oil', min_score: 1 });
    assert.deepEqual([results, dropped.min_score > 0], [[], true]);
    await assert.rejects(sluice.collections.delete('lamps'), { code: 'collection_not_empty' });
    await sluice.knowledge.delete(lamp.id);
    await sluice.collections.delete('lamps');
    await assert.rejects(sluice.collections.get('lamps'), { code: 'unknown_collection' });
    assert.ok((await sluice.collections.list()).every(({ name }) => name !== 'lamps'));
  });

  describe('documentation', () => {
    let dir: string;
    before(async () => {
      dir = await mkdtemp(join(tmpdir(), 'sluice-client-docs-'));
    });
    after(() => rm(dir, { recursive: true, force: true }));

    /** Runs an example as its reader would, against this stack; `saved` is what the page had kept. */
    const run = async (example: string, saved = 'null') => {
      const file = join(dir, 'example.ts');
      const storage = `globalThis.sessionStorage = { getItem: () => ${JSON.stringify(saved)}, setItem() {}, removeItem() {} };`;
      const code = example
        .replaceAll("'@sluice/client'", `'${join(ROOT, 'client/src/index.ts')}'`)
        .replaceAll('http://127.0.0.1:8000', stack.url);
      await writeFile(file, `${storage}\n${code}`);
      const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'] });
      const [out, err, [exitCode]] = await Promise.all([
        readAll(child.stdout),
        readAll(child.stderr),
        once(child, 'exit') as Promise<[number | null]>,
      ]);
      assert.equal(exitCode, 0, `${err}\n${code}`);
      return out;
    };
    const examplesIn = async (path: string) => {
      const page = await readFile(join(ROOT, path), 'utf8');
      return [...page.matchAll(/^```ts( resume)?\n([^]*?)^```$/gm)].map(([, name, code = '']) => ({
        name,
        code,
      }));
    };

    it('has examples that run', async () => {
      const expected = [
        /offline model[^]*stop/,
        /stopped/,
        /1931[^]*\[1\] manual\.md/,
        /1 of 2\nlamps\/two\.pdf type_mismatch/,
        /400 invalid_request/,
      ];
      const examples = (await examplesIn('docs/client.md')).filter(({ name }) => name === undefined);
      assert.equal(examples.length, expected.length);
      for (const [i, { code }] of examples.entries()) assert.match(await run(code), expected[i] ?? /./);
      const [readme] = await examplesIn('client/README.md');
      assert.match(await run(readme?.code ?? ''), /offline/);
    });

    it('has an example that goes on after a reload of the page', async () => {
      const example = (await examplesIn('docs/client.md')).find(({ name }) => name === ' resume');
      const stream = sluice.chat.stream(QUESTION);
      const saved = { id: '', text: '', cursor: '' };
      for await (const event of stream) {
        if (event.type === 'accepted') saved.id = event.id;
        if (event.type !== 'content') continue;
        saved.text += event.content;
        saved.cursor = event.cursor;
        if (saved.text.length > 20) break;
      }
      const shown = (await run(example?.code ?? '', JSON.stringify(saved))).trimEnd().split('\n');
      assert.equal(shown.at(-1), (await sluice.chat.get(saved.id)).content);
      assert.ok(
        shown.every((text) => text.startsWith(saved.text)),
        'nothing was shown again from the beginning',
      );
    });
  });
});
