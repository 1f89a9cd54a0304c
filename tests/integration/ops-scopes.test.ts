import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { dataOf, errorOf, postJson, readEvents } from '../helpers/api.ts';
import { waitFor } from '../helpers/poll.ts';
import { startService } from '../helpers/process.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const SCOPES = ['chat', 'knowledge', 'ops', 'admin'] as const;
type Scope = (typeof SCOPES)[number];
const keyOf = (scope: Scope) => `key-for-${scope}`;

/** One request to each part of the API, and the scope that it needs. */
const ROUTES: [method: string, path: string, needs: Scope][] = [
  ['POST', '/api/chat', 'chat'],
  ['GET', '/api/chat/chat_x', 'chat'],
  ['POST', '/api/chat/chat_x/cancel', 'chat'],
  ['GET', '/api/knowledge/documents', 'knowledge'],
  ['DELETE', '/api/knowledge/documents/doc_x', 'knowledge'],
  ['POST', '/api/knowledge/search', 'knowledge'],
  ['GET', '/api/knowledge/batches', 'knowledge'],
  ['GET', '/metrics', 'ops'],
  ['GET', '/api/ops/snapshot', 'ops'],
  ['GET', '/api/ops/events', 'ops'],
  ['POST', '/api/ops/session', 'ops'],
];

describe('scopes', () => {
  let stack: TestStack;
  before(async () => {
    const scoped = SCOPES.map((scope) => `${keyOf(scope)}=${scope}`).join(',');
    const env = {
      SLUICE_API_KEY: 'the-key-of-all',
      SLUICE_SCOPED_KEYS: `${scoped},front-end=chat+knowledge`,
    };
    stack = await startStack({ services: [], env });
  });
  after(() => stack[Symbol.asyncDispose]());

  const auth = (scope: Scope) => ({ authorization: `Bearer ${keyOf(scope)}` });
  const call = (method: string, path: string, key?: string) =>
    fetch(`${stack.url}${path}`, { method, headers: key ? { authorization: `Bearer ${key}` } : {} });

  for (const [method, path, needs] of ROUTES) {
    it(`lets ${needs} and admin alone into ${method} ${path}`, async () => {
      for (const scope of SCOPES) {
        const response = await call(method, path, keyOf(scope));
        if (scope === needs || scope === 'admin') {
          assert.ok(![401, 403].includes(response.status), `${scope}: ${response.status}`);
          await response.body?.cancel();
          continue;
        }
        const error = await errorOf(response);
        assert.deepEqual([response.status, error.code], [403, 'forbidden'], scope);
        assert.match(error.message, new RegExp(`"${needs}"`));
        assert.deepEqual(error.details, { scope: needs });
      }
      const asAll = await call(method, path, 'the-key-of-all');
      assert.ok(![401, 403].includes(asAll.status));
      await asAll.body?.cancel();
      const nobody = await call(method, path);
      assert.deepEqual([nobody.status, (await errorOf(nobody)).code], [401, 'unauthorized']);
    });
  }

  it('lets admin alone change anything by way of operations', async () => {
    for (const [method, path] of [
      ['POST', '/api/ops/documents/doc_x/retry'],
      ['DELETE', '/api/ops/documents/doc_x'],
    ] as const) {
      const refused = await call(method, path, keyOf('ops'));
      assert.deepEqual([refused.status, (await errorOf(refused)).details], [403, { scope: 'admin' }]);
      const foreign = await call(method, path, keyOf('knowledge'));
      assert.deepEqual([foreign.status, (await errorOf(foreign)).details], [403, { scope: 'ops' }]);
      assert.equal((await call(method, path, keyOf('admin'))).status, 404);
    }
  });

  it('shows names that users gave to admin alone', async () => {
    const batch = await postJson(
      `${stack.url}/api/knowledge/batches`,
      { name: 'layoffs' },
      auth('knowledge'),
    );
    await batch.body?.cancel();
    const seenBy = async (scope: Scope) => (await call('GET', '/api/ops/snapshot', keyOf(scope))).text();
    await waitFor(async () => /layoffs/.test(await seenBy('admin')), { what: 'the batch' });
    const { data } = JSON.parse(await seenBy('admin')) as { data: { batches: [{ id: string }] } };
    const { id } = data.batches[0];
    assert.match(await seenBy('ops'), new RegExp(id));
    assert.doesNotMatch(await seenBy('ops'), /layoffs/);
    const stop = new AbortController();
    const events = await fetch(`${stack.url}/api/ops/events`, { headers: auth('ops'), signal: stop.signal });
    for await (const event of readEvents(events)) {
      assert.match(event.data, new RegExp(id));
      assert.doesNotMatch(event.data, /layoffs/);
      break;
    }
    stop.abort();
  });

  it('joins scopes of one key', async () => {
    assert.equal((await call('GET', '/api/knowledge/documents', 'front-end')).status, 200);
    assert.equal((await call('POST', '/api/chat', 'front-end')).status, 400);
    assert.equal((await call('POST', '/api/ops/session', 'front-end')).status, 403);
  });

  it('shows the documentation to every key, and no key to the log', async () => {
    for (const scope of SCOPES) assert.equal((await call('GET', '/openapi.json', keyOf(scope))).status, 200);
    assert.doesNotMatch(stack.gateway.logs(), /key-for-|the-key-of-all|front-end/);
  });

  it('gives a browser a session that says what it may do', async () => {
    const response = await call('POST', '/api/ops/session', keyOf('ops'));
    const cookie = response.headers.get('set-cookie') ?? '';
    assert.match(cookie, /^sluice_ops=\S+; Path=\/ops; Expires=[^;]+; HttpOnly; SameSite=Strict$/);
    const { scopes, expires_at } = await dataOf<{ scopes: string[]; expires_at: string }>(response);
    assert.deepEqual(scopes, ['ops']);
    const hours = (Date.parse(expires_at) - Date.now()) / 3_600_000;
    assert.ok(hours > 7.9 && hours <= 8, `${hours} hours`);
    const secure = await fetch(`${stack.url}/api/ops/session`, {
      method: 'POST',
      headers: { authorization: `Bearer ${keyOf('admin')}`, 'x-forwarded-proto': 'https' },
    });
    assert.match(secure.headers.get('set-cookie') ?? '', /; Secure/);
    assert.deepEqual((await dataOf<{ scopes: string[] }>(secure)).scopes, SCOPES);
    const closed = await call('DELETE', '/api/ops/session');
    assert.match(
      closed.headers.get('set-cookie') ?? '',
      /^sluice_ops=; Path=\/ops; Expires=Thu, 01 Jan 1970/,
    );
  });

  it('does not take the cookie for a key under /api', async () => {
    const response = await call('POST', '/api/ops/session', keyOf('admin'));
    const cookie = (response.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? '';
    assert.equal(
      (await fetch(`${stack.url}/api/ops/session`, { method: 'POST', headers: { cookie } })).status,
      401,
    );
  });
});

describe('scopes without any key', () => {
  it('are all there', async () => {
    await using stack = await startStack({ services: [] });
    const response = await fetch(`${stack.url}/api/ops/session`, { method: 'POST' });
    assert.equal(response.headers.get('set-cookie'), null);
    assert.deepEqual(await dataOf(response), { scopes: SCOPES });
  });
});

describe('scoped keys', () => {
  const env = { OPENAI_API_KEY: 'x', REDIS_URL: 'redis://127.0.0.1:1' };

  it('stop the start when they are wrong, and are not shown', async () => {
    const keys = { SLUICE_API_KEY: 'hunter2hunter2', SLUICE_SCOPED_KEYS: 'hunter2hunter2=chat' };
    for (const [wrong, message] of [
      [keys, /SLUICE_SCOPED_KEYS: has the key that SLUICE_API_KEY is/],
      [{ SLUICE_SCOPED_KEYS: 'hunter2hunter2=everything' }, /SLUICE_SCOPED_KEYS: entry 1 must have scopes/],
    ] as const)
      await assert.rejects(startService('gateway', { ...env, ...wrong }), (error: Error) => {
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /hunter2/);
        return true;
      });
  });

  it('let the gateway listen beyond loopback', async () => {
    const redis = {
      ...env,
      SLUICE_SCOPED_KEYS: 'a-key-for-the-test=chat',
      HOST: '0.0.0.0',
      LOG_LEVEL: 'loud',
    };
    await assert.rejects(startService('gateway', redis), (error: Error) => {
      assert.match(error.message, /LOG_LEVEL/);
      assert.doesNotMatch(error.message, /HOST/);
      return true;
    });
  });
});
