import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import express from 'express';
import { createLogger } from '@sluice/shared/logger';
import { ensureWebApp } from '../../dev/web-app.ts';
import { errorHandler } from '../../services/gateway/src/middleware/errors.ts';
import { requestContext } from '../../services/gateway/src/middleware/request-context.ts';
import type { GatewayDeps } from '../../services/gateway/src/context.ts';
import { webRoutes } from '../../services/gateway/src/routes/web.ts';
import { errorOf } from '../helpers/api.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const logger = createLogger({ service: 'test', level: 'silent' });

describe('web app', () => {
  let stack: TestStack;
  before(async () => {
    await ensureWebApp(ROOT, console.log);
    stack = await startStack({ services: [], env: { SLUICE_API_KEY: 'a-key-of-a-test' } });
  });
  after(() => stack?.[Symbol.asyncDispose]());

  it('is served at its pages without the key, under a strict policy', async () => {
    for (const path of ['/', '/knowledge', '/ops', '/?c=1']) {
      const response = await fetch(stack.url + path);
      assert.equal(response.status, 200, path);
      assert.match(response.headers.get('content-type') ?? '', /^text\/html/);
      assert.equal(response.headers.get('cache-control'), 'no-cache');
      const policy = response.headers.get('content-security-policy') ?? '';
      assert.match(policy, /script-src 'self';/);
      assert.doesNotMatch(policy, /unsafe-eval/);
      assert.match(await response.text(), /<div id="app"><\/div>/);
    }
  });

  it('has files that never change under their names', async () => {
    const page = await (await fetch(stack.url)).text();
    const assets = [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((match) => match[1]!);
    assert.ok(assets.length >= 2, page);
    assert.doesNotMatch(page, /(?:src|href)="(?:https?:)?\/\//);
    for (const asset of assets) {
      const response = await fetch(stack.url + asset);
      assert.equal(response.status, 200, asset);
      assert.equal(response.headers.get('cache-control'), 'public, max-age=31536000, immutable');
    }
  });

  it('leaves every other path to the API, which asks for the key', async () => {
    const headers = { authorization: 'Bearer a-key-of-a-test' };
    for (const path of ['/api/nothing', '/nothing', '/knowledge/more', '/assets/none.js', '/.sluice-build']) {
      assert.equal((await errorOf(await fetch(stack.url + path))).code, 'unauthorized', path);
      assert.equal((await errorOf(await fetch(stack.url + path, { headers }))).code, 'unknown_route', path);
    }
  });

  it('is built again only when its sources have changed', async () => {
    const builtAt = () => statSync(join(ROOT, 'web/dist/index.html')).mtimeMs;
    const before = builtAt();
    const said: string[] = [];
    await ensureWebApp(ROOT, (line) => said.push(line));
    assert.deepEqual(said, []);
    assert.equal(builtAt(), before);
    assert.match(readFileSync(join(ROOT, 'web/dist/.sluice-build'), 'utf8'), /^[0-9a-f]{64}$/);
  });

  it('says what to run where it has not been built', async () => {
    const dist = mkdtempSync(join(tmpdir(), 'sluice-web-'));
    const commands = { xadd: () => Promise.resolve() } as unknown as GatewayDeps['commands'];
    const app = express().use(requestContext(logger), webRoutes(dist), errorHandler({ logger, commands }));
    const server = createServer(app).listen(0, '127.0.0.1');
    try {
      await once(server, 'listening');
      const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      assert.equal(response.status, 503);
      const { code, message } = await errorOf(response);
      assert.equal(code, 'web_app_not_built');
      assert.match(message, /npm run build -w web/);
      assert.ok(!existsSync(join(dist, 'index.html')));
    } finally {
      server.close();
      rmSync(dist, { recursive: true });
    }
  });
});
