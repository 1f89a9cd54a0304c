import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { collectEvents, errorOf, postJson } from '../helpers/api.ts';
import { makePdf } from '../helpers/pdf.ts';
import { waitFor } from '../helpers/poll.ts';
import { refuse, startScriptedModel } from '../helpers/scripted-model.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const LIMIT = 10 * 1024 ** 2;
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const question = { messages: [{ role: 'user', content: 'hi' }] };

describe('errors', () => {
  let stack: TestStack;
  before(async () => {
    stack = await startStack({ services: ['chat-worker'] });
  });
  after(() => stack[Symbol.asyncDispose]());

  const chat = (body: unknown) => postJson(`${stack.url}/api/chat`, body);
  const upload = (filename: string, bytes: string | Uint8Array<ArrayBuffer>, field = 'file') => {
    const form = new FormData();
    form.append(field, new File([bytes], filename));
    return fetch(`${stack.url}/api/knowledge/upload`, { method: 'POST', body: form });
  };
  const expectError = async (response: Response, status: number, code: string) => {
    const error = await errorOf(response);
    assert.deepEqual([response.status, error.code], [status, code], error.message);
    return error;
  };

  it('names every field of a chat that is wrong', async () => {
    for (const [body, field] of [
      [{ ...question, temperature: 3 }, 'temperature'],
      [{ ...question, temperature: 'hot' }, 'temperature'],
      [{ ...question, max_tokens: 0 }, 'max_tokens'],
      [{ ...question, max_tokens: 4097 }, 'max_tokens'],
      [{ ...question, stream: 'yes' }, 'stream'],
      [{ ...question, knowledge: { topk: 3 } }, 'knowledge'],
      [{ messages: [] }, 'messages'],
      [{ messages: [{ role: 'robot', content: 'hi' }] }, 'messages.0.role'],
      [{ messages: [{ role: 'user', content: 42 }] }, 'messages.0.content'],
      [{}, 'messages'],
      [[], ''],
    ] as const) {
      const { message, details } = await expectError(await chat(body), 400, 'invalid_request');
      assert.ok(
        (details as { field: string }[]).some((detail) => detail.field === field),
        `${field} in ${JSON.stringify(details)}`,
      );
      assert.match(message, new RegExp(field));
    }
    const { details } = await expectError(
      await chat({ temperature: 9, max_tokens: -1 }),
      400,
      'invalid_request',
    );
    assert.equal((details as unknown[]).length, 3, 'all of them at once');
  });

  it('explains what is wrong with the body itself', async () => {
    const send = (body: string, type = 'application/json') =>
      fetch(`${stack.url}/api/chat`, { method: 'POST', body, headers: { 'content-type': type } });
    await expectError(await send('{"messages": ['), 400, 'invalid_json');
    await expectError(await send(JSON.stringify(question), 'text/plain'), 400, 'invalid_request');
    await expectError(
      await send(JSON.stringify({ messages: [{ role: 'user', content: 'x'.repeat(3_000_000) }] })),
      413,
      'body_too_large',
    );
  });

  it('knows no other routes', async () => {
    await expectError(await fetch(`${stack.url}/api/nothing`), 404, 'unknown_route');
    await expectError(await fetch(`${stack.url}/api/chat`, { method: 'DELETE' }), 404, 'unknown_route');
    await expectError(await fetch(`${stack.url}/api/knowledge/documents/doc_none`), 404, 'not_found');
  });

  it('refuses files by name, content and size', async () => {
    await expectError(await upload('tool.exe', 'MZ'), 415, 'unsupported_type');
    await expectError(await upload('noending', 'text'), 415, 'unsupported_type');
    await expectError(await upload('really-a-png.pdf', PNG), 415, 'type_mismatch');
    await expectError(await upload('really-a-pdf.docx', makePdf(['hello'])), 415, 'type_mismatch');
    await expectError(await upload('nothing.txt', ''), 422, 'empty');
    await expectError(await upload('a.txt', 'text', 'document'), 400, 'unexpected_field');
    const long = new FormData();
    long.append('metadata', JSON.stringify({ a: 'x'.repeat(70_000) }));
    long.append('file', new File(['text'], 'a.txt'));
    const sent = await fetch(`${stack.url}/api/knowledge/upload`, { method: 'POST', body: long });
    assert.match((await expectError(sent, 413, 'field_too_large')).message, /"metadata"/);
    await expectError(await upload('big.txt', Buffer.alloc(LIMIT + 1, 'a')), 413, 'too_large');
    const fits = await upload('fits.txt', Buffer.alloc(LIMIT, 'a'));
    assert.equal(fits.status, 202, 'exactly the limit is taken');
    await fits.body?.cancel();
  });

  it('takes no id of another kind, and none that is no id', async () => {
    for (const id of [
      '大',
      '%0a',
      '%00',
      '..%2f..',
      'doc_1',
      'chat_{x}',
      'chat_*',
      `chat_${'x'.repeat(100)}`,
    ]) {
      await expectError(await fetch(`${stack.url}/api/chat/${id}/events`), 404, 'not_found');
      await expectError(await fetch(`${stack.url}/api/chat/${id}`), 404, 'not_found');
    }
    await expectError(await fetch(`${stack.url}/api/knowledge/documents/chat_1/events`), 404, 'not_found');
  });

  it('takes nothing from pages of foreign origins while there is no key', async () => {
    const from = (origin: string) => postJson(`${stack.url}/api/chat`, question, { origin });
    await expectError(await from('http://evil.example'), 403, 'origin_not_allowed');
    for (const origin of ['http://localhost:5173', stack.url]) assert.equal((await from(origin)).status, 200);
  });

  it('explains a broken form', async () => {
    const send = (type: string, body: string) =>
      fetch(`${stack.url}/api/knowledge/upload`, { method: 'POST', body, headers: { 'content-type': type } });
    await expectError(await send('application/json', '{}'), 400, 'no_file');
    await expectError(await send('multipart/form-data', 'x'), 400, 'invalid_form');
    await expectError(
      await send(
        'multipart/form-data; boundary=x',
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhel',
      ),
      400,
      'invalid_form',
    );
  });
});

describe('errors of what Sluice depends on', () => {
  it('a dead model: 502 as JSON, an error event in a stream', async () => {
    await using stack = await startStack({ services: ['chat-worker'] });
    await stack.model.close();
    const json = await postJson(`${stack.url}/api/chat`, question);
    assert.equal(json.status, 502);
    assert.equal((await errorOf(json)).code, 'model_unavailable');
    const events = await collectEvents(
      await postJson(`${stack.url}/api/chat`, { ...question, stream: true }),
    );
    const last = events.at(-1);
    assert.equal(last?.event, 'error');
    const { error, code } = JSON.parse(last?.data ?? '') as { error: string; code: string };
    assert.equal(code, 'model_unavailable');
    assert.match(error, /OPENAI_BASE_URL/);
  });

  it('a model that is busy: when to try again, as JSON and in a stream', async () => {
    const busy = (seconds: string) => refuse(429, { 'retry-after': seconds });
    const endless = '9'.repeat(30);
    await using model = await startScriptedModel(busy('17'), busy('17'), busy(endless));
    await using stack = await startStack({
      services: ['chat-worker'],
      env: { OPENAI_BASE_URL: model.url, MODEL_TRIES: '1' },
    });
    for (const seconds of [17, 86_400]) {
      const refused = await postJson(`${stack.url}/api/chat`, question);
      const { code, retryAfter } = await errorOf(refused);
      assert.deepEqual([refused.status, code, retryAfter], [503, 'model_rate_limited', String(seconds)]);
      const events = await collectEvents(
        await postJson(`${stack.url}/api/chat`, { ...question, stream: true }),
      );
      const failed = JSON.parse(events.at(-1)?.data ?? '') as { retry_after: number };
      assert.equal(failed.retry_after, seconds);
    }
  });

  it('a dead Redis: 503 within a second for chat and upload, readiness says why, and work goes on when it is back', async () => {
    await using stack = await startStack({ services: ['chat-worker', 'ingest-worker'] });
    await stack.redis.kill();
    const form = () => {
      const body = new FormData();
      body.append('file', new File(['A text.'], 'a.txt'));
      return body;
    };
    for (const send of [
      () => postJson(`${stack.url}/api/chat`, question),
      () => postJson(`${stack.url}/api/chat`, { ...question, stream: true }),
      () => fetch(`${stack.url}/api/knowledge/upload`, { method: 'POST', body: form() }),
      () => fetch(`${stack.url}/api/knowledge/documents`),
      () => fetch(`${stack.url}/api/chat/chat_x/events`),
    ]) {
      const begun = performance.now();
      const response = await send();
      assert.equal(response.status, 503);
      assert.ok(performance.now() - begun < 1_000, 'within a second');
      const { code, retryAfter } = await errorOf(response);
      assert.equal(code, 'redis_unavailable');
      assert.match(retryAfter ?? '', /^\d+$/);
    }
    const ready = await fetch(`${stack.url}/readyz`);
    assert.equal(ready.status, 503);
    assert.equal((await fetch(`${stack.url}/healthz`)).status, 200);

    await stack.redis.restart();
    for (const service of stack.services)
      await waitFor(async () => (await fetch(`${service.url}/readyz`)).status === 200, { what: 'readiness' });
    const response = await postJson(`${stack.url}/api/chat`, question);
    assert.equal(response.status, 200);
    await response.body?.cancel();
  });
});

describe('access', () => {
  const KEY = 'a-key-for-the-test';

  it('asks for the key on every route but health', async () => {
    await using stack = await startStack({ services: [], env: { SLUICE_API_KEY: KEY } });
    for (const path of ['/api/knowledge/documents', '/api/chat/x', '/openapi.json', '/docs/', '/nowhere']) {
      const without = await fetch(`${stack.url}${path}`);
      assert.equal(without.status, 401, path);
      assert.equal((await errorOf(without)).code, 'unauthorized');
      const wrong = await fetch(`${stack.url}${path}`, { headers: { authorization: `Bearer ${KEY}x` } });
      assert.equal(wrong.status, 401, path);
      await wrong.body?.cancel();
    }
    for (const path of ['/healthz', '/readyz'])
      assert.equal((await fetch(`${stack.url}${path}`)).status, 200);
    const allowed = await fetch(`${stack.url}/api/knowledge/documents`, {
      headers: { authorization: `Bearer ${KEY}` },
    });
    assert.equal(allowed.status, 200);
    assert.ok(!stack.gateway.logs().includes(KEY), 'the key is in no log');
  });

  it('does not open itself to other machines without a key', async () => {
    const env = { OPENAI_API_KEY: 'x', REDIS_URL: 'redis://127.0.0.1:1', HOST: '0.0.0.0' };
    const { startService } = await import('../helpers/process.ts');
    await assert.rejects(startService('gateway', env), /HOST: can be reached from other machines/);
  });
});

describe('documentation', () => {
  it('is served from this machine, and describes every route', async () => {
    await using stack = await startStack({ services: [] });
    const openapi = (await (await fetch(`${stack.url}/openapi.json`)).json()) as {
      openapi: string;
      paths: Record<string, object>;
    };
    assert.equal(openapi.openapi, '3.1.0');
    assert.ok('post' in (openapi.paths['/api/chat'] ?? {}));
    const page = await (await fetch(`${stack.url}/docs/`)).text();
    assert.match(page, /swagger-ui/);
    assert.doesNotMatch(page, /(?:src|href)="(?:https?:)?\/\//, 'nothing from elsewhere');
    assert.equal((await fetch(`${stack.url}/docs/swagger-ui-bundle.js`)).status, 200);
  });
});
