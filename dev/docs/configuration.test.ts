import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { createLogger } from '../../shared/src/logger.ts';
import { renderExample, renderMarkdown } from './render-configuration.ts';
import { MissingText, readVariables } from './variables.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const STALE = (path: string) =>
  `${path} is not what the schemas in the config.ts files give: run \`npm run docs:config\` and commit it.`;

describe('configuration reference', () => {
  const reference = readVariables();

  it('docs/configuration.md is what the schemas give', () => {
    const page = read('docs/configuration.md');
    assert.equal(page, renderMarkdown(reference, page), STALE('docs/configuration.md'));
  });

  it('.env.example is what the schemas give', () => {
    assert.equal(read('.env.example'), renderExample(reference), STALE('.env.example'));
  });

  it('is not written while a variable has no description, or no group', () => {
    const schemas = { gateway: z.object({ PORT: z.string(), NEW_SETTING: z.string().describe('New.') }) };
    assert.throws(
      () => readVariables(schemas),
      (error: Error) => {
        assert.ok(error instanceof MissingText);
        assert.match(error.message, /^PORT has no description: give it/m);
        assert.match(error.message, /^NEW_SETTING is in no group: add it to dev\/docs/m);
        assert.match(error.message, /^TAKEOVER in dev\/docs\/.*no process reads it/m);
        return true;
      },
    );
  });

  it('marks as secret what the logger hides', () => {
    for (const { name, readers, secret } of reference.flatMap(({ variables }) => variables)) {
      // No process of ours has what goes to Grafana.
      if (readers.includes('docker-compose.yml')) continue;
      let line = '';
      const destination = { write: (text: string) => void (line += text) };
      createLogger({ service: 'gateway', level: 'info', destination }).info(
        { [name]: 'hunter2' },
        'settings',
      );
      assert.equal(line.includes('hunter2'), !secret, name);
    }
  });

  it('says type, bounds, default, readers and secrecy of a variable', () => {
    const find = (name: string) =>
      reference.flatMap(({ variables }) => variables).find((variable) => variable.name === name);
    assert.deepEqual(find('QUEUE_SHARDS')?.readers, ['gateway', 'chat-worker', 'ingest-worker']);
    assert.equal(find('QUEUE_SHARDS')?.type, 'whole number, 1 to 64');
    assert.equal(find('QUEUE_SHARDS')?.default, '1');
    assert.equal(find('TAKEOVER')?.type, '`continue`, `restart`, `fail`');
    assert.equal(find('HEALTH_PORT')?.unset, '8001 (chat-worker), 8002 (ingest-worker)');
    for (const { name, secret } of reference.flatMap(({ variables }) => variables))
      assert.equal(
        secret,
        /(?:API_KEY|SECRET_ACCESS_KEY|SCOPED_KEYS|FALLBACKS|REDIS_URL|OTLP_HEADERS|PASSWORD)$/.test(name),
        name,
      );
  });
});
