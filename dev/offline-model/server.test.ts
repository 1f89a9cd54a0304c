import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import OpenAI, { APIUserAbortError, BadRequestError, NotFoundError } from 'openai';
import { startOfflineModel } from './server.ts';

const model = await startOfflineModel({ host: '127.0.0.1', port: 0, tokenDelayMs: 0, dimensions: 384 });
const slow = await startOfflineModel({ host: '127.0.0.1', port: 0, tokenDelayMs: 50, dimensions: 8 });
after(() => Promise.all([model.close(), slow.close()]));

const openai = new OpenAI({ apiKey: 'any', baseURL: model.url, maxRetries: 0 });
const messages = [{ role: 'user' as const, content: 'Who are you?' }];

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + 5000; !condition(); await delay(5)) {
    assert.ok(Date.now() < deadline, `not within 5 s: ${what}`);
  }
}

async function collect(body: Partial<OpenAI.ChatCompletionCreateParamsStreaming>) {
  const chunks: OpenAI.ChatCompletionChunk[] = [];
  for await (const chunk of await openai.chat.completions.create({
    model: 'm',
    messages,
    ...body,
    stream: true,
  })) {
    chunks.push(chunk);
  }
  return { chunks, text: chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('') };
}

test('answers a chat at once', async () => {
  const completion = await openai.chat.completions.create({ model: 'any-name', messages });
  assert.match(completion.id, /^chatcmpl-/);
  assert.equal(completion.object, 'chat.completion');
  assert.equal(completion.model, 'any-name');
  assert.ok(completion.system_fingerprint);
  assert.match(completion._request_id ?? '', /^req_/);
  assert.match(completion.choices[0]?.message.content ?? '', /^I am Sluice's offline model/);
  assert.equal(completion.choices[0]?.message.role, 'assistant');
  assert.equal(completion.choices[0]?.finish_reason, 'stop');
  const { usage } = completion;
  assert.equal(usage?.prompt_tokens, 3);
  assert.equal(usage?.total_tokens, 3 + (usage?.completion_tokens ?? 0));
});

test("streams the same answer as chunks of OpenAI's shape", async () => {
  const whole = await openai.chat.completions.create({ model: 'm', messages });
  const { chunks, text } = await collect({ stream_options: { include_usage: true } });
  assert.equal(text, whole.choices[0]?.message.content);
  assert.deepEqual(chunks[0]?.choices[0]?.delta, { role: 'assistant', content: '', refusal: null });
  assert.equal(new Set(chunks.map(({ id }) => id)).size, 1);
  assert.ok(chunks.every(({ object }) => object === 'chat.completion.chunk'));
  assert.deepEqual(chunks.at(-2)?.choices[0], { index: 0, delta: {}, logprobs: null, finish_reason: 'stop' });
  assert.deepEqual(chunks.at(-1)?.choices, []);
  assert.deepEqual(chunks.at(-1)?.usage, whole.usage);
  assert.ok(chunks.slice(0, -1).every(({ usage }) => usage === null));
  const plain = await collect({});
  assert.equal(plain.chunks.at(-1)?.choices[0]?.finish_reason, 'stop');
  assert.ok(plain.chunks.every((chunk) => !('usage' in chunk)));
});

test('stops at max_tokens, max_completion_tokens and stop sequences', async () => {
  for (const limit of [{ max_tokens: 3 }, { max_completion_tokens: 3 }]) {
    const { chunks, text } = await collect(limit);
    assert.equal(text, "I am Sluice's");
    assert.equal(chunks.at(-1)?.choices[0]?.finish_reason, 'length');
  }
  const stopped = await openai.chat.completions.create({ model: 'm', messages, stop: [':', 'never'] });
  assert.equal(stopped.choices[0]?.message.content, "I am Sluice's offline model");
  assert.equal(stopped.choices[0]?.finish_reason, 'stop');
});

test('goes on from a last assistant message', async () => {
  const { text: whole } = await collect({});
  const { text: rest } = await collect({
    messages: [...messages, { role: 'assistant', content: whole.slice(0, 30) }],
  });
  assert.equal(rest, whole.slice(30));
  const { chunks, text } = await collect({ messages: [...messages, { role: 'assistant', content: whole }] });
  assert.equal(text, '');
  assert.equal(chunks.at(-1)?.choices[0]?.finish_reason, 'stop');
});

test('takes content in parts, and every role', async () => {
  const completion = await openai.chat.completions.create({
    model: 'm',
    messages: [
      { role: 'developer', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'text', text: '你是谁？' }] },
    ],
  });
  assert.match(completion.choices[0]?.message.content ?? '', /^我是 Sluice/);
});

test('embeds as base64, which is what the SDK asks for, and as floats', async () => {
  const input = ['hello world', '你好，世界'];
  const fromBase64 = await openai.embeddings.create({ model: 'e', input });
  const fromFloats = await openai.embeddings.create({ model: 'e', input, encoding_format: 'float' });
  assert.deepEqual(fromBase64, fromFloats);
  assert.deepEqual(
    fromBase64.data.map(({ index, object }) => [index, object]),
    [
      [0, 'embedding'],
      [1, 'embedding'],
    ],
  );
  assert.equal(fromBase64.data[0]?.embedding.length, 384);
  assert.deepEqual(fromBase64.usage, { prompt_tokens: 7, total_tokens: 7 });
  const short = await openai.embeddings.create({ model: 'e', input: 'hello', dimensions: 16 });
  assert.equal(short.data[0]?.embedding.length, 16);
});

test('lists its models', async () => {
  const ids: string[] = [];
  for await (const { id } of openai.models.list()) ids.push(id);
  assert.deepEqual(ids, ['offline-chat', 'offline-embedding']);
  assert.equal((await openai.models.retrieve('offline-chat')).object, 'model');
  await assert.rejects(openai.models.retrieve('gpt-9'), (error) => {
    assert.ok(error instanceof NotFoundError);
    assert.equal(error.code, 'model_not_found');
    return true;
  });
});

test('refuses what OpenAI refuses, in its words', async () => {
  const refusals: [() => Promise<unknown>, string | null, string | null][] = [
    [() => openai.chat.completions.create({ model: 'm' } as never), 'messages', 'missing_required_parameter'],
    [() => openai.chat.completions.create({ messages } as never), 'model', 'missing_required_parameter'],
    [() => openai.chat.completions.create({ model: 'm', messages: [] }), 'messages', 'invalid_value'],
    [
      () =>
        openai.chat.completions.create({ model: 'm', messages: [{ role: 'robot', content: '' }] } as never),
      'messages[0].role',
      'invalid_value',
    ],
    [
      () => openai.chat.completions.create({ model: 'm', messages, max_tokens: 0 }),
      'max_tokens',
      'invalid_value',
    ],
    [() => openai.chat.completions.create({ model: 'm', messages, n: 2 }), 'n', 'invalid_value'],
    [() => openai.embeddings.create({ model: 'e' } as never), 'input', 'missing_required_parameter'],
    [() => openai.embeddings.create({ model: 'e', input: '' }), 'input', 'invalid_value'],
    [() => openai.post('/chat/completions', { body: 'null' }), null, null],
  ];
  for (const [call, param, code] of refusals) {
    await assert.rejects(call, (error) => {
      assert.ok(error instanceof BadRequestError, String(error));
      assert.deepEqual([error.param, error.code, error.type], [param, code, 'invalid_request_error']);
      return true;
    });
  }
});

test('answers other faults with the right status and an error object', async () => {
  const faults: [string, RequestInit, number][] = [
    ['/chat/completions', { method: 'POST', body: '{"model":' }, 400],
    ['/nothing', {}, 404],
    ['/embeddings', {}, 405],
    ['/models', { method: 'POST', body: '{}' }, 405],
    ['/embeddings', { method: 'POST', body: `"${'x'.repeat(33 * 1024 * 1024)}"` }, 413],
  ];
  for (const [path, init, status] of faults) {
    const response = await fetch(`${model.url}${path}`, init);
    assert.equal(response.status, status, path);
    const { error } = (await response.json()) as { error: Record<string, unknown> };
    assert.deepEqual(Object.keys(error).sort(), ['code', 'message', 'param', 'type']);
  }
  const health = await fetch(model.url.replace('/v1', '/healthz'));
  assert.deepEqual(await health.json(), { status: 'ok' });
});

test('stops generating when the client goes away', async () => {
  const client = new OpenAI({ apiKey: 'any', baseURL: slow.url, maxRetries: 0 });
  const { aborted } = slow.requests;
  const stream = await client.chat.completions.create({ model: 'm', messages, stream: true });
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
  await until(() => slow.requests.open === 0 && slow.requests.aborted === aborted + 1, 'the stream ends');

  const controller = new AbortController();
  const pending = client.chat.completions.create({ model: 'm', messages }, { signal: controller.signal });
  await until(() => slow.requests.open === 1, 'the request arrives');
  controller.abort();
  await assert.rejects(pending, APIUserAbortError);
  await until(() => slow.requests.open === 0 && slow.requests.aborted === aborted + 2, 'the request ends');
});

test('close ends open streams, and may be called again', async () => {
  const other = await startOfflineModel({ host: '127.0.0.1', port: 0, tokenDelayMs: 50, dimensions: 8 });
  const client = new OpenAI({ apiKey: 'any', baseURL: other.url, maxRetries: 0 });
  const stream = await client.chat.completions.create({ model: 'm', messages, stream: true });
  await Promise.all([other.close(), other.close()]);
  await assert.rejects(async () => {
    for await (const _ of stream);
  });
  assert.equal(other.requests.open, 0);
});

test('the process prints its URL and ends at SIGTERM', async () => {
  const child = spawn(process.execPath, [`${import.meta.dirname}/main.ts`, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
  const url = /http:\/\/\S+\/v1/.exec(String(line))?.[0] ?? '';
  assert.equal((await fetch(`${url}/models`)).status, 200);
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});
