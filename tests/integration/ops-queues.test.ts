import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { errorOf, postJson } from '../helpers/api.ts';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const SECRET = 'the harbour master has a wooden leg';
const BOARD = '/ops/queues';
const keyOf = (scope: string) => ({ authorization: `Bearer key-for-${scope}` });

interface BoardQueue {
  name: string;
  readOnlyMode: boolean;
  counts: Record<string, number>;
  jobs: { id: string; data: Record<string, unknown> }[];
}

describe('Bull Board', () => {
  let stack: TestStack;
  let chatId: string;
  before(async () => {
    stack = await startStack({
      services: [],
      env: { SLUICE_SCOPED_KEYS: 'key-for-chat=chat,key-for-ops=ops,key-for-admin=admin' },
    });
    const asked = { stream: true, user: 'long-john', messages: [{ role: 'user', content: SECRET }] };
    const response = await postJson(`${stack.url}/api/chat`, asked, keyOf('chat'));
    chatId = response.headers.get('x-chat-id') ?? '';
    await response.body?.cancel();
  });
  after(() => stack[Symbol.asyncDispose]());

  const board = (path: string, headers: Record<string, string>, method = 'GET') =>
    fetch(`${stack.url}${BOARD}${path}`, { method, headers });
  const queuesOf = async (headers: Record<string, string>) => {
    const response = await board(
      '/api/queues?activeQueue=chat&status=prioritized&page=1&jobsPerPage=10',
      headers,
    );
    assert.equal(response.status, 200);
    return ((await response.json()) as { queues: BoardQueue[] }).queues;
  };
  const openSession = async (scope: string) => {
    const response = await fetch(`${stack.url}/api/ops/session`, { method: 'POST', headers: keyOf(scope) });
    return { cookie: (response.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? '' };
  };

  it('asks for the scope ops, on its page, its files and its API', async () => {
    for (const path of ['', '/', '/queue/chat', '/static/favicon-32x32.png', '/api/queues']) {
      const nobody = await board(path, {});
      assert.deepEqual([nobody.status, (await errorOf(nobody)).code], [401, 'unauthorized'], path);
      const chat = await board(path, keyOf('chat'));
      assert.deepEqual([chat.status, (await errorOf(chat)).code], [403, 'forbidden'], path);
      for (const headers of [keyOf('ops'), keyOf('admin'), await openSession('ops')]) {
        const response = await board(path, headers);
        assert.equal(response.status, 200, path);
        await response.body?.cancel();
      }
    }
  });

  it('takes no cookie that is forged or has expired', async () => {
    const { cookie } = await openSession('ops');
    const [name = '', value = ''] = cookie.split('=');
    const [expiry = '', signature = ''] = value.split('.');
    for (const wrong of [
      `${Number(expiry) + 60}.${signature}`,
      `${expiry}.${'A'.repeat(43)}`,
      `1.${signature}`,
      'x',
    ])
      assert.equal((await board('/', { cookie: `${name}=${wrong}` })).status, 401, wrong);
  });

  it('shows every queue; users’ words and names to admin alone', async () => {
    const seen = await queuesOf(keyOf('ops'));
    assert.deepEqual(seen.map(({ name }) => name).toSorted(), ['chat', 'chat-background', 'ingest']);
    assert.ok(seen.every(({ readOnlyMode }) => readOnlyMode));
    const job = seen.find(({ name }) => name === 'chat')?.jobs[0];
    assert.equal(job?.id, chatId);
    assert.equal(job?.data['model'], 'offline-chat');
    assert.match(String(job?.data['messages']), /hidden/);
    assert.doesNotMatch(JSON.stringify(seen), /wooden leg|long-john/);
    const one = await (await board(`/api/queues/chat/${chatId}`, keyOf('ops'))).text();
    assert.match(one, new RegExp(chatId));
    assert.doesNotMatch(one, /wooden leg|long-john/);

    const all = await queuesOf(keyOf('admin'));
    assert.ok(all.every(({ readOnlyMode }) => !readOnlyMode));
    assert.match(JSON.stringify(all), /wooden leg/);
  });

  it('changes nothing for ops, whatever is sent', async () => {
    for (const headers of [keyOf('ops'), await openSession('ops')])
      for (const [method, path] of [
        ['PUT', '/api/queues/pause'],
        ['PUT', '/api/queues/chat/pause'],
        ['PUT', `/api/queues/chat/${chatId}/clean`],
        ['PUT', '/api/queues/chat/empty'],
        ['POST', '/api/queues/chat/add'],
        ['PATCH', '/api/queues/nothing'],
        ['DELETE', '/'],
      ] as const) {
        const refused = await board(path, headers, method);
        assert.deepEqual([refused.status, (await errorOf(refused)).details], [403, { scope: 'admin' }], path);
      }
    const [chat] = (await queuesOf(keyOf('ops'))).filter(({ name }) => name === 'chat');
    assert.equal(chat?.counts['prioritized'], 1);
  });

  it('changes things for admin, by key or from a page of its own', async () => {
    const session = await openSession('admin');
    const foreign = await board(
      '/api/queues/chat/pause',
      { ...session, origin: 'http://evil.example' },
      'PUT',
    );
    assert.deepEqual([foreign.status, (await errorOf(foreign)).code], [403, 'origin_not_allowed']);
    const own = await board('/api/queues/chat/pause', { ...session, origin: stack.url }, 'PUT');
    assert.equal(own.status, 200);
    await own.body?.cancel();
    const resumed = await board('/api/queues/chat/resume', keyOf('admin'), 'PUT');
    assert.equal(resumed.status, 200);
    await resumed.body?.cancel();
  });

  it('loads nothing from elsewhere', async () => {
    const response = await board('/', keyOf('ops'));
    const page = await response.text();
    assert.doesNotMatch(page, /(?:src|href)="(?:https?:)?\/\//);
    assert.match(page, /<base href="\/ops\/queues\/"/);
    assert.equal(response.headers.get('x-powered-by'), null);
    const policy = response.headers.get('content-security-policy') ?? '';
    assert.match(policy, /default-src 'self'/);
    assert.doesNotMatch(policy, /https:|unsafe-eval|script-src[^;]*unsafe/);
  });
});

describe('Bull Board with shards', () => {
  it('shows each of them', async () => {
    await using stack = await startStack({ services: [], env: { QUEUE_SHARDS: '2' } });
    const asked = { stream: true, messages: [{ role: 'user', content: 'hi' }] };
    for (let i = 0; i < 12; i++) await (await postJson(`${stack.url}/api/chat`, asked)).body?.cancel();
    await waitFor(
      async () => {
        const response = await fetch(`${stack.url}${BOARD}/api/queues?page=1&jobsPerPage=10`);
        const { queues } = (await response.json()) as { queues: BoardQueue[] };
        const chats = queues.filter(({ name }) => name.endsWith('-chat'));
        assert.deepEqual(chats.map(({ name }) => name).toSorted(), ['shard-0-chat', 'shard-1-chat']);
        const counts = chats.map(({ counts }) => counts['prioritized'] ?? 0);
        return Math.min(...counts) > 0 && counts.reduce((sum, count) => sum + count) === 12;
      },
      { what: 'twelve chats in two shards' },
    );
  });
});
