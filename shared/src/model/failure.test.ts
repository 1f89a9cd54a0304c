import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { openTestClient } from '../../../tests/helpers/model-client.ts';
import { answer, refuse, startScriptedModel } from '../../../tests/helpers/scripted-model.ts';

const toError = (thrown: unknown) => thrown as Error;

describe('the record of a failure', () => {
  const KEY = 'wJalrXUtnFEMI.K7MDENG';
  const echo = refuse(
    401,
    { 'x-request-id': 'req_42' },
    { message: `Incorrect API key provided: ${KEY} (or sk-proj-abc***xyz)` },
  );

  it('has all that an operator needs in the log, and no key', async () => {
    await using server = await startScriptedModel(echo);
    await using other = await startScriptedModel(answer('ok'));
    const { ask, logs } = openTestClient(server.url, {
      apiKey: KEY,
      fallbacks: [{ model: 'b', base_url: other.url, api_key: KEY }],
    });
    await ask();
    const { time: _time, ...line } = logs[0] ?? {};
    assert.deepEqual(line, {
      level: 'warn',
      service: 'test',
      provider: new URL(server.url).host,
      model: 'main',
      code: 'model_auth_failed',
      status: 401,
      provider_request_id: 'req_42',
      provider_message: '401 Incorrect API key provided: [redacted] (or [redacted])',
      attempt: 1,
      msg: 'model request failed',
    });
  });

  it('has no key in an error or its causes, and no word of the provider in the message', async () => {
    await using server = await startScriptedModel(echo);
    const { ask, client, logs } = openTestClient(server.url, { apiKey: KEY });
    for (const fail of [ask, () => client.embed(['x'])]) {
      const error = await fail().then(() => assert.fail('it has not failed'), toError);
      assert.match(error.message, /^The (embedding )?model refused the API key\. Check [A-Z_, a-z]+\.$/);
      for (const text of [inspect(error, { depth: 9, showHidden: true }), JSON.stringify(logs)]) {
        assert.ok(text.includes('[redacted]'));
        assert.ok(!text.includes(KEY) && !text.includes('sk-proj'));
      }
    }
  });

  it('says of a connection that fails what the system says', async () => {
    const server = await startScriptedModel(answer('x'));
    await server[Symbol.asyncDispose]();
    const { ask, logs } = openTestClient(server.url, { tries: 2 });
    await assert.rejects(ask(), { code: 'model_unavailable', message: /OPENAI_BASE_URL/ });
    assert.deepEqual(
      logs.map((line) => [line['attempt'], typeof line['retry_in_ms']]),
      [
        [1, 'number'],
        [2, 'undefined'],
      ],
    );
    assert.match(String(logs[0]?.['provider_message']), /ECONNREFUSED/);
  });
});
