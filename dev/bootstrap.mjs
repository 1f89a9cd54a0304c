import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { installDependencies } from './install.mjs';
import { Refusal } from './refusal.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const OLDEST_NODE = [18, 0];
/** Type stripping is stable from here on, so `.ts` files run as they are. */
const NODE_FOR_TYPESCRIPT = [24, 12];
const PARENT_CHECK_MS = 500;

/**
 * Installs what is missing, then runs a script of this folder under Node 24 and ends with its exit code. This file and
 * what it imports is all that the system's own Node has to run, so it stays plain JavaScript without dependencies.
 *
 * @param {string} script file name inside dev/
 * @param {string[]} args arguments for the script
 */
export async function runUnderNode24(script, args) {
  try {
    refuseUnsupportedMachine();
    await installDependencies(root);
    process.exitCode = await runScript(findNode24(), join(root, 'dev', script), args);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    console.error(error.message);
    process.exitCode = error.exitCode;
  }
}

function refuseUnsupportedMachine() {
  if (process.platform === 'win32') {
    throw new Refusal('Sluice does not run on Windows itself: use it inside WSL 2, or with Docker Compose.');
  }
  if (!isAtLeast(process.versions.node, OLDEST_NODE)) {
    throw new Refusal(
      `Sluice needs Node ${OLDEST_NODE[0]} or newer and this is ${process.version}: install one from nodejs.org.`,
    );
  }
}

function findNode24() {
  const installed = join(root, 'node_modules', 'node', 'bin', 'node');
  const candidates = [installed, process.execPath];
  const found = candidates.find(
    (node) => existsSync(node) && isAtLeast(readVersion(node), NODE_FOR_TYPESCRIPT),
  );
  if (found) return found;
  throw new Refusal(
    `Sluice needs Node ${NODE_FOR_TYPESCRIPT.join('.')} or newer to run its TypeScript, and the npm package "node" that brings ` +
      'it has not been set up, most likely because npm skips install scripts here: ' +
      'run `npm rebuild node --ignore-scripts=false`, or install that version yourself.',
  );
}

function readVersion(node) {
  if (node === process.execPath) return process.versions.node;
  return String(spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout)
    .trim()
    .replace(/^v/, '');
}

function isAtLeast(version, [major, minor]) {
  const [actualMajor, actualMinor] = version.split('.').map(Number);
  return actualMajor > major || (actualMajor === major && actualMinor >= minor);
}

function runScript(node, script, args) {
  return new Promise((resolve, reject) => {
    // The channel carries no messages: its end tells the script that this process is gone, however it went.
    const child = spawn(node, [script, ...args], {
      cwd: root,
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    });
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, () => child.kill(signal));
    const parentCheck = watchParent(() => child.kill('SIGHUP'));
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      clearInterval(parentCheck);
      resolve(signal ? 128 + constants.signals[signal] : code);
    });
  });
}

/** npm cannot pass on a SIGKILL; under npm, a new parent process means that npm was killed. */
function watchParent(onGone) {
  if (!process.env.npm_lifecycle_event) return undefined;
  const parent = process.ppid;
  return setInterval(() => process.ppid !== parent && onGone(), PARENT_CHECK_MS);
}
