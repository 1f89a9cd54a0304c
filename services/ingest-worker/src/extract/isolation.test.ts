import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { childFlags, readRss } from './isolation.ts';

/** Runs a script under the flags of the child and gives what it prints. */
async function runConfined(script: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...childFlags(64),
    '--input-type=module',
    '-e',
    script,
  ]);
  return stdout.trim();
}

test('the child reads no files but code, writes none, and starts no process', async () => {
  const attempts = [
    `(await import('node:fs')).readFileSync('/etc/passwd')`,
    `(await import('node:fs')).writeFileSync('/tmp/escaped', 'x')`,
    `(await import('node:child_process')).execFileSync('true')`,
  ];
  for (const attempt of attempts) {
    const printed = await runConfined(
      `try { ${attempt}; console.log('done') } catch (e) { console.log(e.code) }`,
    );
    assert.equal(printed, 'ERR_ACCESS_DENIED', attempt);
  }
});

test('the child reaches no server', async () => {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    response.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = join(import.meta.dirname, 'close-network.ts');
  const script = (closeFirst: string): string => `
    ${closeFirst}
    const attempt = async (run) => { try { await run() } catch { return 'refused' } return 'reached' };
    const { get } = await import('node:http');
    const viaHttp = () => new Promise((resolve, reject) => get('${url}/http', resolve).on('error', reject));
    console.log(await attempt(() => fetch('${url}/fetch')), await attempt(viaHttp));
    process.exit();`;
  assert.equal(await runConfined(script('')), 'reached reached');
  assert.equal(await runConfined(script(`(await import('${close}')).closeNetwork();`)), 'refused refused');
  assert.deepEqual(requests, ['/fetch', '/http']);
  server.close();
});

test('reads the memory of a process', async () => {
  const own = await readRss(process.pid);
  assert.ok(Math.abs(own - process.memoryUsage.rss()) < 50e6, String(own));
  assert.equal(await readRss(2 ** 22 + 1), 0);
});
