import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { commonSettings, ConfigError, modelSettings, parseSettings, settingsSchema } from './config.ts';

const schema = settingsSchema({ ...commonSettings, ...modelSettings });

describe('settings', () => {
  it('have defaults, and count an empty variable as unset', () => {
    const settings = parseSettings(schema, {
      OPENAI_API_KEY: 'k',
      REDIS_URL: '',
      LOG_LEVEL: ' ',
      PATH: '/bin',
    });
    assert.equal(settings.REDIS_URL, 'redis://127.0.0.1:6379');
    assert.equal(settings.LOG_LEVEL, 'info');
    assert.equal(settings.EMBEDDING_DIMENSIONS, 1_536);
    assert.ok(!('PATH' in settings));
  });

  it('list every problem at once', () => {
    const env = {
      REDIS_URL: 'localhost',
      LOG_LEVEL: 'loud',
      DRAIN_TIMEOUT_MS: '-5',
      EMBEDDING_DIMENSIONS: '1.5',
    };
    assert.throws(
      () => parseSettings(schema, env),
      (error: unknown) => {
        assert.ok(error instanceof ConfigError);
        for (const name of ['REDIS_URL', 'LOG_LEVEL', 'DRAIN_TIMEOUT_MS', 'EMBEDDING_DIMENSIONS']) {
          assert.match(error.message, new RegExp(`- ${name}: must be`));
        }
        assert.match(error.message, /OPENAI_API_KEY: set it/);
        return true;
      },
    );
  });

  it('ask for a model', () => {
    assert.throws(() => parseSettings(schema, {}), /OPENAI_API_KEY: set it, or OPENAI_BASE_URL/);
    parseSettings(schema, { OPENAI_BASE_URL: 'http://127.0.0.1:11434/v1' });
  });

  it('never put a value into a message', () => {
    const secret = z.object({ KEY: z.string().min(100, { error: 'is too short' }) });
    assert.throws(
      () => parseSettings(secret, { KEY: 'hunter2' }),
      (error: Error) => !error.message.includes('hunter2'),
    );
  });
});
