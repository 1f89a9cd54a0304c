import assert from 'node:assert/strict';
import { mkdtempSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import type { ProcessSpec } from './managed-process.ts';
import { describeProcess, isRunning } from './processes.ts';
import { type Layer, Stack } from './stack.ts';
import { waitFor } from './wait-for.ts';

let dir: string;
let stack: Stack | undefined;
const lines: string[] = [];
const pids: { name: string; pid: number }[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-stack-'));
  lines.length = 0;
  pids.length = 0;
});

afterEach(async () => {
  stack?.kill();
  await stack?.stop();
  rmSync(dir, { recursive: true });
});

/** Touches a file when it is up, notes its end in a journal, and ends on SIGTERM. */
const OBEDIENT = `
  const { appendFileSync, writeFileSync } = require('node:fs');
  process.on('SIGTERM', () => { appendFileSync('journal', process.argv[1] + '\\n'); process.exit(0); });
  setInterval(() => {}, 1000);
  writeFileSync(process.argv[1], '');
`;

function describe(name: string, script: string, graceMs = 10_000): ProcessSpec {
  return {
    name,
    command: process.execPath,
    args: ['-e', `process.chdir(${JSON.stringify(dir)}); ${script}`, name],
    env: process.env,
    graceMs,
    probe: async () => (existsSync(join(dir, name)) ? undefined : 'not yet'),
  };
}

function createStack(...layers: ProcessSpec[][]): Stack {
  stack = new Stack(
    layers.map((specs): Layer => ({ specs, isAwaited: false })),
    {
      write: (name, line) => lines.push(`${name}: ${line}`),
      say: (sentence) => lines.push(sentence),
      started: ({ spec, pid }) => pids.push({ name: spec.name, pid }),
    },
  );
  return stack;
}

test('layers are stopped from the last to the first', async () => {
  const run = createStack(
    [describe('store', OBEDIENT)],
    [describe('worker', OBEDIENT)],
    [describe('api', OBEDIENT)],
  );
  assert.equal(await run.start(10_000), true);
  await run.stop();
  assert.equal(readFileSync(join(dir, 'journal'), 'utf8'), 'api\nworker\nstore\n');
});

test('a process that dies is started again, and says so', async () => {
  const run = createStack([describe('worker', OBEDIENT)]);
  await run.start(10_000);
  process.kill(pids[0]!.pid, 'SIGKILL');
  await waitFor(() => pids.length === 2, { what: 'the second start' });
  assert.deepEqual(lines, ['worker was ended by SIGKILL; starting it again in 0.25 s.']);
});

test('a process that cannot stay up fails the stack after five tries', async () => {
  const run = createStack([describe('worker', 'console.error("no luck"); process.exit(3)')]);
  await assert.rejects(run.start(30_000), {
    name: 'Error',
    message: 'worker ended with exit code 3 again and again (its messages are above): stopping everything.',
  });
  assert.equal(pids.length, 5);
  assert.equal(lines.filter((line) => line === 'worker: no luck').length, 5);
});

test('problems of the configuration are told once, whoever reports them', async () => {
  const complain = (...problems: string[]) =>
    `console.error("2 problems:"); ${problems.map((p) => `console.error("  - ${p}");`).join('')} process.exit(78)`;
  const run = createStack(
    [describe('worker', complain('DATA_DIR: bad', 'CHUNK_SIZE: bad'))],
    [describe('api', complain('DATA_DIR: bad', 'PORT: bad'))],
  );
  await assert.rejects(run.start(10_000), {
    message:
      'The configuration cannot be used; correct these variables and start again:\n' +
      '  - DATA_DIR: bad\n  - CHUNK_SIZE: bad\n  - PORT: bad',
  });
  assert.deepEqual(lines, []);
  assert.equal(pids.length, 2);
});

test('a process that is not up in time is named with what is missing', async () => {
  const run = createStack([
    describe('worker', 'console.error("waiting for Godot"); setInterval(() => {}, 1000)'),
  ]);
  await assert.rejects(run.start(500), { message: /^worker was not ready after 0.5 s \(not yet\)/ });
  assert.deepEqual(lines, ['worker: waiting for Godot']);
});

test('a process that ignores SIGTERM, and its own child, are killed after the grace period', async () => {
  const stubborn = `
    const { spawn } = require('node:child_process');
    const { writeFileSync } = require('node:fs');
    process.on('SIGTERM', () => {});
    const child = spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)'], { stdio: 'inherit' });
    writeFileSync('child', String(child.pid));
    writeFileSync('worker', '');
  `;
  const run = createStack([describe('worker', stubborn, 300)]);
  await run.start(10_000);
  const child = describeProcess(Number(readFileSync(join(dir, 'child'), 'utf8')));
  assert.ok(child);
  await run.stop();
  await waitFor(() => !isRunning(child), { what: "the end of the process's child" });
});

test('a stop during the start ends what has started', async () => {
  const run = createStack([describe('worker', 'setInterval(() => {}, 1000)')]);
  const started = run.start(30_000);
  await waitFor(() => pids.length === 1, { what: 'the process to start' });
  await run.stop();
  assert.equal(await started, false);
});
