import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CHAT_REQUEST, openTestClient, readAll } from '../../../tests/helpers/model-client.ts';
import { answer, refuse, saySilence, startScriptedModel } from '../../../tests/helpers/scripted-model.ts';

describe('fallbacks', () => {
  const failures = {
    unavailable: refuse(500),
    'rate limit': refuse(429, { 'retry-after': '60' }),
    'wrong key': refuse(401),
    'unknown model': refuse(404),
    "DeepSeek's unknown model": refuse(
      400,
      {},
      { message: 'Model Not Exist', code: 'invalid_request_error' },
    ),
    'empty account': refuse(402),
    silence: saySilence,
  };
  for (const [what, listener] of Object.entries(failures)) {
    it(`are asked after: ${what}`, async () => {
      await using main = await startScriptedModel(listener);
      await using other = await startScriptedModel(answer('from the other'));
      const { ask } = openTestClient(main.url, {
        tries: 1,
        firstTokenTimeoutMs: 200,
        fallbacks: [{ model: 'b', base_url: other.url, api_key: 'other-key' }],
      });
      const { text, model } = await ask();
      assert.deepEqual([text, model], ['from the other', 'b']);
      assert.deepEqual(
        [main.requests[0]?.body['model'], main.requests[0]?.headers.authorization],
        ['main', 'Bearer k'],
      );
      assert.deepEqual(
        [other.requests[0]?.body['model'], other.requests[0]?.headers.authorization],
        ['b', 'Bearer other-key'],
      );
    });
  }

  it('are asked in order, the first that answers is the last that is asked', async () => {
    await using main = await startScriptedModel(refuse(503), refuse(503), answer('same provider'));
    await using third = await startScriptedModel(answer('third'));
    const { ask, logs } = openTestClient(main.url, {
      tries: 2,
      fallbacks: [{ model: 'b' }, { model: 'c', base_url: third.url }],
    });
    const { text, model } = await ask();
    assert.deepEqual([text, model], ['same provider', 'b']);
    assert.deepEqual(
      main.requests.map(({ body }) => body['model']),
      ['main', 'main', 'b'],
    );
    assert.equal(third.requests.length, 0);
    assert.equal(logs.at(-1)?.['msg'], 'falling back to another model');
    assert.equal(logs.at(-1)?.['model'], 'b');
  });

  it('are not asked what all would refuse', async () => {
    await using main = await startScriptedModel(refuse(400));
    await using other = await startScriptedModel(answer('other'));
    const { ask } = openTestClient(main.url, { fallbacks: [{ model: 'b', base_url: other.url }] });
    await assert.rejects(ask(), { code: 'model_rejected_request' });
    assert.equal(other.requests.length, 0);
  });

  it('never get the key of the main provider', async () => {
    await using main = await startScriptedModel(refuse(500));
    await using other = await startScriptedModel(answer('other'));
    const { ask } = openTestClient(main.url, {
      tries: 1,
      apiKey: 'sk-the-main-key',
      fallbacks: [{ model: 'b', base_url: other.url }],
    });
    await ask();
    assert.ok(!JSON.stringify(other.requests).includes('sk-the-main-key'));
  });

  it('that fail too leave the error of the model that was wanted', async () => {
    await using main = await startScriptedModel(refuse(429, { 'retry-after': '60' }));
    await using other = await startScriptedModel(refuse(401));
    const { ask } = openTestClient(main.url, { fallbacks: [{ model: 'b', base_url: other.url }] });
    await assert.rejects(ask(), { code: 'model_rate_limited', retryAfter: 60 });
    assert.equal(other.requests.length, 1);
  });

  it('are not asked twice when the request names one of them', async () => {
    await using main = await startScriptedModel(refuse(500));
    const { client } = openTestClient(main.url, { tries: 1, fallbacks: [{ model: 'b' }, { model: 'c' }] });
    const request = { ...CHAT_REQUEST, model: 'b' };
    await assert.rejects(readAll(client.streamChat(request, new AbortController().signal)));
    assert.deepEqual(
      main.requests.map(({ body }) => body['model']),
      ['b', 'c'],
    );
  });
});
