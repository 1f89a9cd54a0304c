import { execFile, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The path of a program of this machine; undefined where there is none of the name. */
export function findProgram(name: string, extraFolders: readonly string[] = []): string | undefined {
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

/** Whether apt-get is there and may install without asking for a password. */
export function canInstallPackages(): boolean {
  return findAptPrefix() !== undefined;
}

/**
 * Installs packages with apt-get.
 *
 * @returns what apt-get said when it failed; undefined when they are installed
 */
export async function installPackages(names: readonly string[]): Promise<string | undefined> {
  const prefix = findAptPrefix() ?? [];
  const apt = (...args: string[]) => {
    const [command, ...rest] = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args];
    return run(command!, rest, { maxBuffer: 64 << 20 });
  };
  // A failing third-party source fails the whole update; the install below tells whether it mattered.
  await apt('update').catch(() => undefined);
  try {
    await apt('install', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120', ...names);
    return undefined;
  } catch (error) {
    return String((error as { stderr?: string }).stderr ?? error).trim();
  }
}

/** What to put before an apt-get command so that it runs as root without a question; undefined where it cannot. */
function findAptPrefix(): string[] | undefined {
  if (!findProgram('apt-get')) return undefined;
  if (process.getuid?.() === 0) return [];
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? ['sudo', '-n'] : undefined;
}
