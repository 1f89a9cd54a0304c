import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openTestClient } from '../../../tests/helpers/model-client.ts';
import { waitFor } from '../../../tests/helpers/poll.ts';
import { answer, begin, chunk, refuse, startScriptedModel } from '../../../tests/helpers/scripted-model.ts';
import { parseRetryAfter } from './retry-after.ts';

describe('retry', () => {
  it('goes on before the first token, as often as configured', async () => {
    await using passing = await startScriptedModel(
      refuse(500),
      (_request, response) => void response.destroy(),
      (_request, response) => void begin(response, chunk({ role: 'assistant', content: '' })).end(),
      answer('ok'),
    );
    assert.equal((await openTestClient(passing.url, { tries: 4 }).ask()).text, 'ok');
    assert.equal(passing.requests.length, 4);

    await using dead = await startScriptedModel(refuse(500));
    await assert.rejects(openTestClient(dead.url, { tries: 2 }).ask(), { code: 'model_unavailable' });
    assert.equal(dead.requests.length, 2);
  });

  it('never goes on after the first token, of content or of reasoning', async () => {
    for (const token of [{ content: 'half' }, { reasoning_content: 'hm' }]) {
      await using server = await startScriptedModel((_request, response) => {
        begin(response).write(chunk(token), () => response.destroy());
      });
      await using other = await startScriptedModel(answer('other'));
      const { ask, logs } = openTestClient(server.url, {
        fallbacks: [{ model: 'other', base_url: other.url }],
      });
      await assert.rejects(ask(), {
        code: 'model_unavailable',
        status: 502,
        message: 'The model broke off its answer.',
      });
      assert.deepEqual([server.requests.length, other.requests.length], [1, 0]);
      assert.deepEqual([logs.length, logs[0]?.['attempt']], [1, 1]);
    }
  });

  it('does not ask again what cannot pass: a refused request, a wrong key, an empty account, a say-so', async () => {
    for (const listener of [
      refuse(400),
      refuse(401),
      refuse(404),
      refuse(402),
      refuse(429, {}, { message: 'pay', code: 'insufficient_quota' }),
      refuse(503, { 'x-should-retry': 'false' }),
    ]) {
      await using server = await startScriptedModel(listener);
      await assert.rejects(openTestClient(server.url).ask());
      assert.equal(server.requests.length, 1);
    }
  });

  it('waits as long as the provider asks', async () => {
    for (const headers of [{ 'retry-after-ms': '150' }, { 'retry-after': '0.15' }]) {
      await using server = await startScriptedModel(refuse(429, headers), answer('ok'));
      assert.equal((await openTestClient(server.url).ask()).text, 'ok');
      const [first, second] = server.requests;
      assert.ok(first && second && second.at - first.at >= 150);
    }
  });

  it('gives up at once when the provider asks for more than is waited, and passes it on', async () => {
    await using server = await startScriptedModel(refuse(429, { 'retry-after': '77' }));
    await assert.rejects(openTestClient(server.url, { maxRetryAfterMs: 1_000 }).ask(), {
      code: 'model_rate_limited',
      retryAfter: 77,
    });
    assert.equal(server.requests.length, 1);
  });

  it('ends at once when aborted while it waits', async () => {
    await using server = await startScriptedModel(refuse(500));
    const { ask, client } = openTestClient(server.url, { backoffMs: 60_000 });
    const controller = new AbortController();
    const reason = new Error('cancelled');
    const waits = [ask(controller.signal), client.embed(['x'], controller.signal)];
    await waitFor(() => server.requests.length === 2 && server.open() === 0, { what: 'the failures' });
    const started = performance.now();
    controller.abort(reason);
    for (const wait of waits) await assert.rejects(wait, reason);
    assert.ok(performance.now() - started < 1_000);
    assert.equal(server.requests.length, 2);
  });
});

describe('parseRetryAfter', () => {
  const now = Date.parse('Wed, 21 Oct 2026 07:28:00 GMT');
  for (const [headers, expected] of [
    [{}, undefined],
    [{ 'retry-after': '2' }, 2_000],
    [{ 'retry-after': '2', 'retry-after-ms': '30.5' }, 30.5],
    [{ 'retry-after': 'Wed, 21 Oct 2026 07:28:09 GMT' }, 9_000],
    [{ 'retry-after': 'Wed, 21 Oct 2026 07:27:00 GMT' }, 0],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after-ms': '-1' }, undefined],
  ] as const) {
    it(`${JSON.stringify(headers)} is ${expected}`, () => {
      assert.equal(parseRetryAfter(new Headers(headers), now), expected);
    });
  }
});
