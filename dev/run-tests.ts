/**
 * The second half of `npm test`: the checks of the code, then one run of the test runner, whose own closing lines end
 * the output. With file names, patterns or options of the runner, only the runner, on those.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';

import { ensureChromium } from './chromium.ts';
import { ensureRedisServer } from './redis-binary.ts';
import { Refusal } from './refusal.mjs';
import { ensureWebApp } from './web-app.ts';

const root = dirname(import.meta.dirname);
const CHECKS = ['check:format', 'check:lint', 'check:types'];
const ALL_TESTS = [
  'shared/src/**/*.test.ts',
  'services/**/*.test.ts',
  'dev/**/*.test.ts',
  'client/src/**/*.test.ts',
  'web/src/**/*.test.ts',
  'eval/**/*.test.ts',
  'cli/**/*.test.ts',
  'tests/**/*.test.ts',
];
/** Most tests wait for processes of their own; one file at a time would leave a core idle. */
const CONCURRENCY = Math.max(2, availableParallelism() - 1);
/** For a hung test; the slowest suite takes about a minute. */
const TIMEOUT_MS = 300_000;

try {
  process.exitCode = await runTests(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}

async function runTests(args: string[]): Promise<number> {
  await ensureRedisServer(console.log);
  await ensureWebApp(root, console.log);
  await ensureChromium(console.log);
  const options = args.filter((arg) => arg.startsWith('-'));
  const files = args.filter((arg) => !arg.startsWith('-'));
  const failedChecks = args.length > 0 ? [] : await runChecks();
  const code = await run(process.execPath, [
    '--test',
    `--test-concurrency=${CONCURRENCY}`,
    `--test-timeout=${TIMEOUT_MS}`,
    // The time limit is for tests: a file whose tests are over but which holds a handle would run for ever.
    '--test-force-exit',
    ...options,
    ...(files.length > 0 ? files : ALL_TESTS),
  ]);
  if (failedChecks.length === 0) return code;
  console.error(`Failed before the tests: ${failedChecks.join(', ')} (see the top of the output).`);
  return code || 1;
}

async function runChecks(): Promise<string[]> {
  const failed: string[] = [];
  for (const check of CHECKS) {
    console.log(`npm run ${check}`);
    if ((await run('npm', ['run', '--silent', check])) !== 0) failed.push(check);
  }
  return failed;
}

function run(command: string, args: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    const end = () => child.kill('SIGTERM');
    process.once('disconnect', end);
    process.channel?.unref();
    child.once('error', reject);
    child.once('exit', (code) => {
      process.removeListener('disconnect', end);
      resolve(code ?? 1);
    });
  });
}
