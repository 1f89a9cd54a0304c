import { parseArgs } from 'node:util';
import { z } from 'zod';
import { integer, parseSettings } from '@sluice/shared/config';
import { MAX_DIMENSIONS } from './embedding.ts';
import type { OfflineModelOptions } from './server.ts';

/** What the offline model reads from the environment. */
export const schema = z.object({
  HOST: z.string().default('127.0.0.1').describe('Address that it listens on.'),
  PORT: integer(0, 65_535).default(8090).describe('Port that it listens on.'),
  OFFLINE_EMBEDDING_DIMENSIONS: integer(1, MAX_DIMENSIONS).default(384).meta({
    description: "Length of the stand-in's vectors.",
    npmStart: '`EMBEDDING_DIMENSIONS`',
  }),
  OFFLINE_TOKEN_DELAY_MS: integer(0, 60_000)
    .default(4)
    .describe('Milliseconds between two tokens of its answers; 0 is as fast as possible.'),
});

/**
 * Reads the options: `--host --port --dimensions --token-delay-ms`, else HOST, PORT, OFFLINE_EMBEDDING_DIMENSIONS and
 * OFFLINE_TOKEN_DELAY_MS.
 *
 * @throws {ConfigError} listing every value that is out of bounds
 * @throws {TypeError} for an unknown option
 */
export function loadConfig(args: string[] = process.argv.slice(2), env = process.env): OfflineModelOptions {
  const { values } = parseArgs({
    args,
    options: {
      host: { type: 'string' },
      port: { type: 'string' },
      dimensions: { type: 'string' },
      'token-delay-ms': { type: 'string' },
    },
  });
  const settings = parseSettings(schema, {
    HOST: values.host ?? env['HOST'],
    PORT: values.port ?? env['PORT'],
    OFFLINE_EMBEDDING_DIMENSIONS: values.dimensions ?? env['OFFLINE_EMBEDDING_DIMENSIONS'],
    OFFLINE_TOKEN_DELAY_MS: values['token-delay-ms'] ?? env['OFFLINE_TOKEN_DELAY_MS'],
  });
  return {
    host: settings.HOST,
    port: settings.PORT,
    dimensions: settings.OFFLINE_EMBEDDING_DIMENSIONS,
    tokenDelayMs: settings.OFFLINE_TOKEN_DELAY_MS,
  };
}
