import { execFile, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

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
  const prefix = findAptPrefix();
  if (!prefix) throw new Refusal(describeMissingRedis());
  say('Redis is not installed; installing the package redis-server with apt-get (up to a minute) ...');
  const apt = (...args: string[]) => {
    const [command, ...rest] = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args];
    return run(command!, rest, { maxBuffer: 64 << 20 });
  };
  // A failing third-party source fails the whole update; the install below tells whether it mattered.
  await apt('update').catch(() => undefined);
  try {
    await apt('install', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120', 'redis-server');
  } catch (error) {
    say(String((error as { stderr?: string }).stderr ?? error).trim());
    throw new Refusal(`apt-get could not install Redis (its message is above): ${describeMissingRedis()}`);
  }
  const server = findRedisServer();
  if (!server) throw new Refusal(describeMissingRedis());
  return server;
}

/** What to put before an apt-get command so that it runs as root without a question; undefined where it cannot. */
function findAptPrefix(): string[] | undefined {
  if (!findProgram('apt-get')) return undefined;
  if (process.getuid?.() === 0) return [];
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? ['sudo', '-n'] : undefined;
}

function describeMissingRedis(): string {
  const line = INSTALL_LINES.find(([tool]) => findProgram(tool, EXTRA_FOLDERS))?.[1];
  const install = line ? `install it with \`${line}\`` : 'install redis-server or valkey-server';
  return `Sluice needs a Redis server and found none: ${install}, or set REDIS_URL to one that runs.`;
}

function findProgram(name: string, extraFolders: string[] = []): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...extraFolders];
  return folders
    .filter(Boolean)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
