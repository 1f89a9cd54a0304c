import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

import { findFreePort } from '../../dev/ports.ts';
import { isRunning, type ProcessRef, sendSignal } from '../../dev/processes.ts';
import { readRunRecord } from '../../dev/run-record.ts';
import { waitFor } from '../helpers/poll.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 40_000;
/** Settings of the developer's own .env file that would change what is started here. */
const UNSET = [
  'OPENAI_API_KEY',
  'OPENAI_BASE_URL',
  'CHAT_MODEL',
  'EMBEDDING_MODEL',
  'EMBEDDING_DIMENSIONS',
  'REDIS_URL',
]
  .concat('QDRANT_URL', 'HOST', 'SLUICE_API_KEY', 'LOG_LEVEL', 'LOG_FORMAT')
  .map((name) => [name, '']);

interface Run {
  readonly npm: ChildProcess;
  output(): string;
  exitCode(): Promise<number | null>;
}

describe('npm start', () => {
  let dataDir: string;
  let port: number;
  const runs: Run[] = [];

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'sluice-start-'));
    port = await findFreePort();
  });

  afterEach(async () => {
    const record = readRunRecord(dataDir);
    for (const { npm } of runs.splice(0)) npm.kill('SIGKILL');
    if (record) await waitUntilEnded([record.supervisor, ...listProcesses(dataDir)]);
    await rm(dataDir, { recursive: true, force: true });
  });

  function start(env: Record<string, string> = {}): Run {
    const npm = spawn('npm', ['start'], {
      cwd: ROOT,
      env: { ...process.env, ...Object.fromEntries(UNSET), PORT: String(port), DATA_DIR: dataDir, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [npm.stdout, npm.stderr])
      stream.on('data', (data: Buffer) => (output += data.toString()));
    const closed = once(npm, 'close');
    const run = { npm, output: () => output, exitCode: async () => (await closed)[0] as number | null };
    runs.push(run);
    return run;
  }

  async function waitUntilReady(run: Run): Promise<void> {
    const isReady = () => run.output().includes('Sluice is ready') || run.npm.exitCode !== null;
    await waitFor(isReady, { timeoutMs: START_TIMEOUT_MS, what: 'the table' }).catch(() => undefined);
    assert.match(run.output(), /Sluice is ready/);
  }

  it('serves, stops at Ctrl-C with nothing left running, and starts again on the same data', async () => {
    const first = start();
    await waitUntilReady(first);
    assert.match(first.output(), new RegExp(`curl -N http://127\\.0\\.0\\.1:${port}/api/chat`));
    assert.match(first.output(), /offline stand-in/);
    assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
    const processes = listProcesses(dataDir);
    assert.deepEqual(processes.map(({ name }) => name).sort(), [
      'chat-worker',
      'gateway',
      'guard',
      'ingest-worker',
      'offline-model',
      'redis',
      'supervisor',
    ]);

    first.npm.kill('SIGINT');
    assert.equal(await first.exitCode(), 0);
    assert.deepEqual(processes.filter(isRunning), []);

    const second = start();
    await waitUntilReady(second);
    assert.equal((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 200);
    second.npm.kill('SIGINT');
    assert.equal(await second.exitCode(), 0);
  });

  it('leaves nothing running when npm is killed', async () => {
    const run = start();
    await waitUntilReady(run);
    const processes = listProcesses(dataDir);
    run.npm.kill('SIGKILL');
    await waitUntilEnded(processes);
  });

  it('leaves nothing running when the supervisor is killed', async () => {
    const run = start();
    await waitUntilReady(run);
    const processes = listProcesses(dataDir);
    sendSignal(readRunRecord(dataDir)!.supervisor.pid, 'SIGKILL');
    await waitUntilEnded(processes);
    assert.equal(await run.exitCode(), 137);
  });

  it('ends what a killed supervisor and its killed guard left, and starts', async () => {
    const run = start();
    await waitUntilReady(run);
    const { supervisor, guard, processes } = readRunRecord(dataDir)!;
    for (const { pid } of [guard!, supervisor]) sendSignal(pid, 'SIGKILL');
    await run.exitCode();
    assert.equal(processes.every(isRunning), true);

    const next = start();
    await waitUntilReady(next);
    assert.match(next.output(), /Ending what a killed run left running: redis, /);
    assert.deepEqual(processes.filter(isRunning), []);
  });

  it('starts a killed service again', async () => {
    const run = start();
    await waitUntilReady(run);
    const gateway = listProcesses(dataDir).find(({ name }) => name === 'gateway')!;
    sendSignal(gateway.pid, 'SIGKILL');
    await waitFor(() => run.output().includes('gateway was ended by SIGKILL; starting it again'), {
      what: 'the note',
    });
    const isBack = async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
    await waitFor(isBack, { timeoutMs: START_TIMEOUT_MS, what: 'the gateway to be back' });
  });

  it('refuses a data folder that another run has', async () => {
    await waitUntilReady(start());
    const other = start({ PORT: String(await findFreePort()) });
    assert.equal(await other.exitCode(), 1);
    assert.match(
      other.output(),
      /Sluice already runs on the data folder .*: stop it, or set DATA_DIR to another folder\./,
    );
  });

  it('names a busy port and how to choose another, before anything is started', async () => {
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    try {
      const run = start();
      assert.equal(await run.exitCode(), 1);
      assert.ok(
        run
          .output()
          .includes(`Port ${port} is already in use: choose another with \`PORT=${port + 1} npm start\`.`),
      );
      assert.equal(readRunRecord(dataDir), undefined);
    } finally {
      server.close();
    }
  });

  it('lists every bad value once and stops', async () => {
    const run = start({ PORT: 'abc', LOG_LEVEL: 'loud', UPLOAD_MAX_BYTES: '-1', CHUNK_SIZE: 'big' });
    assert.equal(await run.exitCode(), 1);
    for (const name of ['PORT', 'LOG_LEVEL', 'UPLOAD_MAX_BYTES', 'CHUNK_SIZE']) {
      assert.equal(run.output().split(`  - ${name}: must be `).length, 2, `${name} in:\n${run.output()}`);
    }
    assert.equal(readRunRecord(dataDir), undefined);
  });
});

function listProcesses(dataDir: string): (ProcessRef & { name: string })[] {
  const record = readRunRecord(dataDir);
  if (!record) return [];
  const guard = record.guard ? [{ ...record.guard, name: 'guard' }] : [];
  return [...record.processes, ...guard, { ...record.supervisor, name: 'supervisor' }];
}

async function waitUntilEnded(processes: ProcessRef[]): Promise<void> {
  const haveEnded = () => !processes.some(isRunning);
  await waitFor(haveEnded, { timeoutMs: STOP_TIMEOUT_MS, what: 'every process to end' });
}
