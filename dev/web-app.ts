import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { Refusal } from './refusal.mjs';

/** What the build reads. */
const SOURCES = [
  'web/*.{html,json,ts}',
  'web/src/**/*',
  'web/public/**/*',
  'client/src/**/*',
  'package-lock.json',
];
const STAMP = '.sluice-build';
const run = promisify(execFile);

/**
 * Builds the web app into web/dist, unless the stamp there says that it is built from these very sources.
 *
 * @throws {Refusal} with the builder's words when it fails
 */
export async function ensureWebApp(root: string, say: (line: string) => void): Promise<void> {
  const web = join(root, 'web');
  const dist = join(web, 'dist');
  const wanted = hashSources(root);
  if (readStamp(dist) === wanted) return;
  say('Building the web app (a few seconds) ...');
  const started = performance.now();
  const fresh = join(web, `dist.${process.pid}`);
  try {
    await build(web, fresh);
    writeFileSync(join(fresh, STAMP), wanted);
    replaceFolder(dist, fresh);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  say(`Built the web app in ${((performance.now() - started) / 1_000).toFixed(1)} s.`);
}

async function build(web: string, outDir: string): Promise<void> {
  const vite = createRequire(join(web, 'package.json')).resolve('vite/package.json');
  const args = [join(vite, '../bin/vite.js'), 'build', '--outDir', outDir, '--logLevel', 'warn'];
  try {
    await run(process.execPath, args, { cwd: web, maxBuffer: 64 << 20 });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    const words = `${stdout ?? ''}${stderr ?? ''}`.trim() || String(error);
    throw new Refusal(
      `${words}\nThe web app could not be built: mend what is said above and run the command again.`,
    );
  }
}

/** Two runs that build at once each rename a whole folder; the one that comes second finds the other's and leaves it. */
function replaceFolder(dist: string, fresh: string): void {
  rmSync(dist, { recursive: true, force: true });
  try {
    renameSync(fresh, dist);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

function readStamp(dist: string): string | undefined {
  const stamp = join(dist, STAMP);
  return existsSync(stamp) ? readFileSync(stamp, 'utf8') : undefined;
}

function hashSources(root: string): string {
  const hash = createHash('sha256');
  const files = globSync(SOURCES, { cwd: root, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const file of files)
    hash
      .update(`${file.slice(root.length)}\0`)
      .update(readFileSync(file))
      .update('\0');
  return hash.digest('hex');
}
