import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { canInstallPackages, findProgram, installPackages } from './system-packages.ts';
import { Refusal } from './refusal.mjs';

const run = promisify(execFile);
const NAMES = ['redis-server', 'valkey-server'];
const EXTRA_FOLDERS = [
  '/opt/homebrew/bin',
  '/usr/local/bin',
  '/opt/homebrew/opt/redis/bin',
  '/usr/local/opt/redis/bin',
  '/home/linuxbrew/.linuxbrew/bin',
];
/** What Ubuntu 22.04 has; nothing newer is used. */
const OLDEST_VERSION = [6, 0];
const INSTALL_LINES: [tool: string, line: string][] = [
  ['apt-get', 'sudo apt-get install -y redis-server'],
  ['brew', 'brew install redis'],
  ['dnf', 'sudo dnf install -y valkey'],
  ['pacman', 'sudo pacman -S --noconfirm valkey'],
  ['apk', 'sudo apk add redis'],
];

/** Finds redis-server or valkey-server, or undefined where there is neither. */
export function findRedisServer(): string | undefined {
  return NAMES.map((name) => findProgram(name, EXTRA_FOLDERS)).find(Boolean);
}

/**
 * Finds redis-server or valkey-server, and installs it with apt where it is missing and that needs no password.
 *
 * @throws {Refusal} when there is none and it cannot be installed, or it is too old
 */
export async function ensureRedisServer(say: (line: string) => void): Promise<string> {
  const server = findRedisServer() ?? (await installRedisServer(say));
  const version = /v=(\d+)\.(\d+)/.exec((await run(server, ['--version'])).stdout);
  const [major = 0, minor = 0] = version?.slice(1).map(Number) ?? [];
  if (major < OLDEST_VERSION[0]! || (major === OLDEST_VERSION[0] && minor < OLDEST_VERSION[1]!)) {
    throw new Refusal(
      `Sluice needs Redis ${OLDEST_VERSION.join('.')} or newer and ${server} is ${major}.${minor}: install a newer one, or set REDIS_URL.`,
    );
  }
  return server;
}

async function installRedisServer(say: (line: string) => void): Promise<string> {
  if (!canInstallPackages()) throw new Refusal(describeMissingRedis());
  say('Redis is not installed; installing the package redis-server with apt-get (up to a minute) ...');
  const problem = await installPackages(['redis-server']);
  if (problem !== undefined) {
    say(problem);
    throw new Refusal(`apt-get could not install Redis (its message is above): ${describeMissingRedis()}`);
  }
  const server = findRedisServer();
  if (!server) throw new Refusal(describeMissingRedis());
  return server;
}

function describeMissingRedis(): string {
  const line = INSTALL_LINES.find(([tool]) => findProgram(tool, EXTRA_FOLDERS))?.[1];
  const install = line ? `install it with \`${line}\`` : 'install redis-server or valkey-server';
  return `Sluice needs a Redis server and found none: ${install}, or set REDIS_URL to one that runs.`;
}
