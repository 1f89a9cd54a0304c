import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';

import { findFreePort, findFreePorts, tryPort } from './ports.ts';

test('a taken port is reported as such, and passed over', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    assert.equal(await tryPort(port), 'EADDRINUSE');
    const found = await findFreePorts(3, port - 1);
    assert.equal(found.includes(port), false);
    assert.equal(new Set(found).size, 3);
  } finally {
    server.close();
  }
});

test('near the last port any free one is taken', async () => {
  const found = await findFreePorts(3, 65_534);
  assert.equal(found.length, 3);
  for (const port of found) assert.ok(port > 0 && port <= 65_535);
});

test('a free port can be listened on', async () => {
  const port = await findFreePort();
  assert.equal(await tryPort(port), port);
});
