import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Refusal } from './refusal.mjs';

const INTERRUPTED = 'installation under way';
const LIVE_LINE_MS = 1_000;
const LOG_LINE_MS = 10_000;
const KILL_AFTER_MS = 5_000;
const EXIT_SIGINT = 130;

/**
 * Brings node_modules to what package-lock.json and the workspaces' package.json files ask for; does nothing when the
 * stamp of the last installation says that it is so already.
 *
 * @param {string} root the repository's folder
 * @throws {Refusal} when npm fails or the user interrupts it
 */
export async function installDependencies(root) {
  const stamp = join(root, 'node_modules', '.sluice-install');
  const wanted = hashManifests(root);
  const found = existsSync(stamp) ? readFileSync(stamp, 'utf8') : undefined;
  if (found === wanted) return;
  if (found === INTERRUPTED) {
    // npm takes a half-unpacked package for an installed one, so what an interrupted run left cannot be kept.
    console.log('The last installation of the dependencies did not finish; starting it afresh.');
    rmSync(join(root, 'node_modules'), { recursive: true, force: true });
  }
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  writeFileSync(stamp, INTERRUPTED);
  const outcome = await runNpmInstall(root);
  if (outcome === 'interrupted')
    throw new Refusal('Stopped; the next run installs the dependencies afresh.', EXIT_SIGINT);
  if (outcome === 'failed') {
    rmSync(stamp);
    throw new Refusal(
      'npm could not install the dependencies (its message is above): mend that and run the command again.',
    );
  }
  writeFileSync(stamp, wanted);
}

function hashManifests(root) {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  for (const file of ['package-lock.json', ...listManifests(root)])
    hash.update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

function listManifests(root) {
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const folders = workspaces.flatMap((pattern) => {
    if (!pattern.endsWith('/*')) return [pattern];
    const parent = pattern.slice(0, -2);
    return readdirSync(join(root, parent))
      .sort()
      .map((name) => join(parent, name));
  });
  return ['package.json', ...folders.map((folder) => join(folder, 'package.json'))].filter((file) =>
    existsSync(join(root, file)),
  );
}

/** @returns {Promise<'installed' | 'failed' | 'interrupted'>} npm undoes what it did when it fails, not when it is killed */
async function runNpmInstall(root) {
  // `npm ci` refuses this lock file on other platforms; `--include=dev` because NODE_ENV=production would drop Node 24.
  const args = [
    'install',
    '--no-save',
    '--include=dev',
    '--no-audit',
    '--no-fund',
    '--no-progress',
    '--loglevel=error',
  ];
  // A process group of its own: Ctrl-C then reaches npm once, through the handler below, and its helpers with it.
  const npm = spawn('npm', args, { cwd: root, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [npm.stdout, npm.stderr]) stream.on('data', (data) => (output += data));

  const endProgress = showProgress(root);
  let interrupted = false;
  const interrupt = () => {
    interrupted = true;
    signalGroup(npm, 'SIGTERM');
    setTimeout(() => signalGroup(npm, 'SIGKILL'), KILL_AFTER_MS).unref();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, interrupt);
  const code = await new Promise((resolve) => {
    npm.once('error', (error) => {
      output += error.code === 'ENOENT' ? 'npm is not on the PATH.' : error.message;
      resolve(1);
    });
    npm.once('close', resolve);
  });
  for (const signal of signals) process.removeListener(signal, interrupt);
  endProgress();

  if (interrupted || code === null) return 'interrupted';
  if (code !== 0) {
    console.error(output.trim());
    return 'failed';
  }
  console.log('Installed the dependencies.');
  return 'installed';
}

function signalGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

function showProgress(root) {
  const expected = listExpectedPackages(root);
  const started = Date.now();
  const isLive = process.stdout.isTTY;
  const describe = () => {
    const done = expected.filter((folder) => existsSync(join(root, folder, 'package.json'))).length;
    const seconds = Math.round((Date.now() - started) / 1_000);
    const part = done < expected.length ? `${done} of ${expected.length} packages` : 'setting up Node 24';
    return `Installing the dependencies: ${part}, ${seconds} s`;
  };
  if (!isLive) console.log('Installing the dependencies (up to a minute) ...');
  const timer = setInterval(
    () => (isLive ? process.stdout.write(`\r${describe()} `) : console.log(describe())),
    isLive ? LIVE_LINE_MS : LOG_LINE_MS,
  );
  return () => {
    clearInterval(timer);
    if (isLive) process.stdout.write('\r\u001b[K');
  };
}

/** Optional packages are left out: those of other platforms never arrive. */
function listExpectedPackages(root) {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return Object.keys(packages).filter(
    (path) => path.startsWith('node_modules/') && !packages[path].optional && !packages[path].link,
  );
}
