import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commonSettings, modelSettings, parseSettings, settingsSchema } from '../config.ts';

const schema = settingsSchema({ ...commonSettings, ...modelSettings });
const parse = (CHAT_FALLBACKS: string) => parseSettings(schema, { OPENAI_API_KEY: 'k', CHAT_FALLBACKS });

describe('CHAT_FALLBACKS', () => {
  it('is a list of models, with or without a provider', () => {
    const list = [{ model: 'a' }, { model: 'b', base_url: 'http://127.0.0.1:1/v1', api_key: 'k' }];
    assert.deepEqual(parse(JSON.stringify(list)).CHAT_FALLBACKS, list);
    assert.deepEqual(parse('').CHAT_FALLBACKS, []);
  });

  for (const [what, text, expected] of [
    ['text that is not JSON', '[{"model":"a","api_key":"hunter2"', /CHAT_FALLBACKS: is not valid JSON/],
    ['something else than a list', '{"model":"hunter2"}', /CHAT_FALLBACKS: must be a JSON array/],
    ['a model without a name', '[{"base_url":"http://a/v1"}]', /CHAT_FALLBACKS\.0\.model: must name a model/],
    [
      'a URL that is none',
      '[{"model":"a","base_url":"hunter2"}]',
      /CHAT_FALLBACKS\.0\.base_url: must be a URL such as/,
    ],
    [
      'a key without a provider',
      '[{"model":"a","api_key":"hunter2"}]',
      /CHAT_FALLBACKS\.0\.api_key: needs a base_url/,
    ],
    [
      'an unknown field',
      '[{"model":"a","baseUrl":"http://hunter2"}]',
      /CHAT_FALLBACKS\.0: must have model, may have base_url and api_key, and nothing else/,
    ],
  ] as const) {
    it(`refuses ${what}, without quoting it`, () => {
      assert.throws(
        () => parse(text),
        (error: Error) => {
          assert.match(error.message, expected);
          assert.ok(!error.message.includes('hunter2'));
          return true;
        },
      );
    });
  }
});
