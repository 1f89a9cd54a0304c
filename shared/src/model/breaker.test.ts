import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CHAT_REQUEST, openTestClient, readAll } from '../../../tests/helpers/model-client.ts';
import { waitFor } from '../../../tests/helpers/poll.ts';
import { answer, refuse, saySilence, startScriptedModel } from '../../../tests/helpers/scripted-model.ts';

describe('circuit breaker', () => {
  const REFUSED = /failed several times in a row/;
  /** The circuit goes by the wall clock alone, so that only `Date` is mocked; connections and timers stay real. */
  const START = Date.parse('2026-01-01T00:00:00Z');

  it('opens after failures in a row, and refuses at once with the time that is left', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: START });
    await using server = await startScriptedModel(refuse(500));
    const { ask, logs } = openTestClient(server.url, {
      tries: 2,
      breakerFailures: 3,
      breakerResetMs: 20_000,
    });
    await assert.rejects(ask(), { message: 'The model failed (HTTP 500).' });
    await assert.rejects(ask(), { message: 'The model failed (HTTP 500).' });
    assert.equal(server.requests.length, 3, 'the second request is not made again once the circuit is open');
    t.mock.timers.setTime(START + 3_500);
    await assert.rejects(ask(), {
      code: 'model_unavailable',
      message:
        'The model has failed several times in a row and is left alone for 17 s. The model failed (HTTP 500).',
      retryAfter: 17,
    });
    assert.equal(server.requests.length, 3);
    assert.ok(logs.some((line) => /circuit opened/.test(String(line['msg']))));
  });

  it('lets one request find out after a while, and closes when it is answered', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: START });
    await using server = await startScriptedModel(refuse(500), refuse(500), answer('back'));
    const { ask, logs } = openTestClient(server.url, {
      tries: 1,
      breakerFailures: 1,
      breakerResetMs: 30_000,
    });
    await assert.rejects(ask(), { message: 'The model failed (HTTP 500).' });
    t.mock.timers.setTime(START + 29_999);
    await assert.rejects(ask(), { message: REFUSED, retryAfter: 1 });
    t.mock.timers.setTime(START + 30_000);
    await assert.rejects(ask(), { message: 'The model failed (HTTP 500).' });
    await assert.rejects(ask(), { message: REFUSED, retryAfter: 30 });
    t.mock.timers.setTime(START + 60_000);
    for (let i = 0; i < 2; i++) assert.equal((await ask()).text, 'back');
    assert.ok(logs.some((line) => /circuit closed/.test(String(line['msg']))));
  });

  it('refuses the others while one finds out, and stays open when that one is aborted', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: START });
    await using server = await startScriptedModel(refuse(500), saySilence, answer('back'));
    const { ask } = openTestClient(server.url, { tries: 1, breakerFailures: 1, breakerResetMs: 30_000 });
    await assert.rejects(ask(), { message: 'The model failed (HTTP 500).' });
    t.mock.timers.setTime(START + 30_000);
    const controller = new AbortController();
    const reason = new Error('cancelled');
    const probe = assert.rejects(ask(controller.signal), reason);
    await waitFor(() => server.requests.length === 2, { what: 'the request that finds out' });
    await assert.rejects(ask(), { message: REFUSED });
    controller.abort(reason);
    await probe;
    await assert.rejects(ask(), { message: REFUSED });
    t.mock.timers.setTime(START + 60_000);
    assert.equal((await ask()).text, 'back');
  });

  it('counts neither what is wrong with requests, nor limits, nor our own aborts', async () => {
    for (const status of [400, 401, 404, 429]) {
      await using server = await startScriptedModel(refuse(status));
      const { ask } = openTestClient(server.url, { tries: 1, breakerFailures: 1 });
      for (let i = 0; i < 3; i++) await assert.rejects(ask());
      assert.equal(server.requests.length, 3);
    }
    await using silent = await startScriptedModel(saySilence);
    const { ask } = openTestClient(silent.url, { breakerFailures: 1 });
    for (let i = 1; i <= 3; i++) {
      const controller = new AbortController();
      const asking = ask(controller.signal);
      await waitFor(() => silent.requests.length === i, { what: 'the request' });
      controller.abort();
      await assert.rejects(asking, { name: 'AbortError' });
    }
  });

  it('is one for each model of each provider; an open one is passed by to the fallback', async () => {
    await using main = await startScriptedModel(refuse(500));
    await using other = await startScriptedModel(answer('other'));
    const { ask, client } = openTestClient(main.url, {
      tries: 1,
      breakerFailures: 1,
      fallbacks: [{ model: 'main', base_url: other.url }],
    });
    for (let i = 0; i < 3; i++) assert.equal((await ask()).text, 'other');
    assert.equal(main.requests.length, 1);
    const request = { ...CHAT_REQUEST, model: 'another' };
    await readAll(client.streamChat(request, new AbortController().signal));
    assert.equal(main.requests.length, 2);
  });

  it('guards embeddings too', async () => {
    await using server = await startScriptedModel(refuse(500));
    const { client } = openTestClient(server.url, { tries: 1, breakerFailures: 2 });
    for (let i = 0; i < 2; i++) await assert.rejects(client.embed(['x']), /HTTP 500/);
    await assert.rejects(client.embed(['x']), { message: REFUSED });
    assert.equal(server.requests.length, 2);
  });
});
