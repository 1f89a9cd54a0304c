import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError } from '@sluice/shared/config';
import { loadConfig } from './config.ts';

test('has defaults, which the environment and then the command line override', () => {
  assert.deepEqual(loadConfig([], {}), { host: '127.0.0.1', port: 8090, dimensions: 384, tokenDelayMs: 4 });
  const env = { HOST: '::1', PORT: '1234', OFFLINE_EMBEDDING_DIMENSIONS: '16', OFFLINE_TOKEN_DELAY_MS: '0' };
  assert.deepEqual(loadConfig([], env), { host: '::1', port: 1234, dimensions: 16, tokenDelayMs: 0 });
  assert.deepEqual(loadConfig(['--port', '0', '--token-delay-ms=5'], env), {
    host: '::1',
    port: 0,
    dimensions: 16,
    tokenDelayMs: 5,
  });
});

test('refuses values that are out of bounds, and unknown options', () => {
  assert.throws(() => loadConfig(['--port', '70000'], {}), ConfigError);
  assert.throws(() => loadConfig([], { OFFLINE_EMBEDDING_DIMENSIONS: '0' }), ConfigError);
  assert.throws(() => loadConfig(['--nope'], {}), TypeError);
});
