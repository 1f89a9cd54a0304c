import { spawnSync } from 'node:child_process';

import { canInstallPackages, findProgram, installPackages } from './system-packages.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const MAC_APPS = ['Google Chrome', 'Chromium'].map((name) => `/Applications/${name}.app/Contents/MacOS`);
const INSTALL_LINE = 'sudo apt-get install -y chromium fonts-noto-cjk';

/** Why there are no browser tests where {@link findChromium} finds nothing, and what to do about it. */
export const NO_CHROMIUM = `there is no Chromium on this machine: install one, on Debian with \`${INSTALL_LINE}\``;

/** The path of a Chromium, or Chrome, that runs; undefined where there is none. */
export function findChromium(): string | undefined {
  const candidates = [
    ...NAMES.map((name) => findProgram(name)),
    findProgram('Google Chrome', MAC_APPS),
    findProgram('Chromium', MAC_APPS),
  ];
  // Ubuntu's chromium-browser is a script that only says that there is a snap.
  return candidates.find((path) => path !== undefined && spawnSync(path, ['--version']).status === 0);
}

/**
 * Installs what the browser tests need and this machine lacks, with apt where that needs no password: Chromium, and a
 * font with Chinese. Where it cannot, the tests are skipped, and that is said.
 */
export async function ensureChromium(say: (line: string) => void): Promise<void> {
  const missing = [
    ...(findChromium() === undefined ? ['chromium'] : []),
    ...(hasChineseFont() ? [] : ['fonts-noto-cjk']),
  ];
  if (missing.length > 0 && canInstallPackages()) {
    say(`Installing ${missing.join(' and ')} for the browser tests with apt-get (up to some minutes) ...`);
    const problem = await installPackages(missing);
    if (problem !== undefined) say(problem);
  }
  if (findChromium() === undefined) say(`THE BROWSER TESTS ARE SKIPPED: ${NO_CHROMIUM}.`);
}

/** True also where nothing can tell: then there is no apt either. */
function hasChineseFont(): boolean {
  const { status, stdout } = spawnSync('fc-list', [':lang=zh', 'family'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() !== '' : process.platform !== 'linux';
}
