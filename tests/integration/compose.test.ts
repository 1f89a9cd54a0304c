import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { parseEnv } from 'node:util';

import { WITHOUT_SCHEMA } from '../../dev/docs/configuration-groups.ts';
import { loadConfig as loadChatWorker } from '../../services/chat-worker/src/config.ts';
import { loadConfig as loadGateway } from '../../services/gateway/src/config.ts';
import { loadConfig as loadIngestWorker } from '../../services/ingest-worker/src/config.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const example = read('.env.example');
const compose = read('docker-compose.yml');
const collect = (text: string, pattern: RegExp) =>
  new Set([...text.matchAll(pattern)].map((match) => match[1]!));

const documented = collect(example, /^#?([A-Z][A-Z0-9_]*)=/gm);
const interpolated = collect(compose, /\$\{([A-Z0-9_]+)/g);
const CONFIG_FILES = [
  'shared/src/config.ts',
  'dev/offline-model/config.ts',
  ...readdirSync(join(ROOT, 'services')).map((name) => `services/${name}/src/config.ts`),
];
const parsed = new Set(
  CONFIG_FILES.flatMap((file) => [...collect(read(file), /^ {2,4}([A-Z][A-Z0-9_]*):/gm)]),
);

/** What docker-compose.yml decides itself. */
const SET_BY_COMPOSE = ['HOST', 'DATA_DIR', 'HEALTH_HOST', 'HEALTH_PORT', 'OFFLINE_EMBEDDING_DIMENSIONS'];
const READ_BY_NO_SERVICE = WITHOUT_SCHEMA.map(({ name }) => name);
const READ_BY_COMMANDS = WITHOUT_SCHEMA.filter(({ readers }) => !readers.includes('docker-compose.yml')).map(
  ({ name }) => name,
);

describe('.env.example', () => {
  const realEnvironment = { ...process.env };
  afterEach(() => {
    process.env = { ...realEnvironment };
  });

  it('documents every variable that a process parses, and no other', () => {
    assert.deepEqual([...documented].sort(), [...parsed, ...READ_BY_NO_SERVICE].sort());
  });

  it('shows the defaults: uncommenting all of it changes nothing', () => {
    const required = { OPENAI_API_KEY: 'key' };
    const uncommented = parseEnv(example.replace(/^#(?=[A-Z][A-Z0-9_]*=)/gm, ''));
    for (const load of [loadGateway, loadChatWorker, loadIngestWorker]) {
      process.env = { ...required };
      const defaults = load();
      process.env = { ...uncommented, ...required };
      assert.deepEqual(load(), defaults);
    }
  });
});

describe('docker-compose.yml', () => {
  it('uses documented variables alone and passes each of them on', () => {
    const expected = [...documented].filter(
      (name) => ![...SET_BY_COMPOSE, ...READ_BY_COMMANDS].includes(name),
    );
    assert.deepEqual([...interpolated].sort(), expected.sort());
  });

  it('publishes the gateway and what watches it, on loopback', () => {
    const published = [...compose.matchAll(/^ +ports: (.*)$/gm)].map((match) => match[1]);
    assert.deepEqual(published, [
      "['127.0.0.1:${PORT:-8000}:8000']",
      "['127.0.0.1:${PROMETHEUS_PORT:-9090}:9090']",
      "['127.0.0.1:${GRAFANA_PORT:-3000}:3000']",
    ]);
  });
});

describe('Dockerfile', () => {
  it('installs the dependencies of every service', () => {
    const dockerfile = read('Dockerfile');
    for (const name of readdirSync(join(ROOT, 'services'))) {
      assert.ok(dockerfile.includes(`COPY services/${name}/package.json services/${name}/\n`), name);
    }
  });

  it('builds the web app, and takes what is built alone', () => {
    const dockerfile = read('Dockerfile');
    for (const name of ['client', 'web']) {
      assert.ok(dockerfile.includes(`COPY ${name}/package.json ${name}/\n`), name);
      assert.match(read('.dockerignore'), new RegExp(`^!${name}$`, 'm'));
    }
    const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
    assert.match(last, /^COPY --from=web \/app\/web\/dist web\/dist$/m);
    assert.doesNotMatch(last, /^COPY (?:web|client) /m);
  });
});
