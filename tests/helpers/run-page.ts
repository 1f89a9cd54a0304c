import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '../..');

/**
 * Runs the `sh` blocks of a page of the documentation in one shell, one after the other; blocks marked `sh by-hand` are left
 * out. The first command that fails ends it.
 *
 * @param page its path from the root of the repository
 * @param gateway base URL that takes the place of http://127.0.0.1:8000
 * @param dir where the commands run
 * @returns what the commands printed
 */
export async function runPage(page: string, gateway: string, dir: string): Promise<string> {
  const text = await readFile(join(ROOT, page), 'utf8');
  const blocks = [...text.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, block]) => block ?? '');
  const script = blocks
    .join('')
    .replaceAll('http://127.0.0.1:8000', gateway)
    .replaceAll('npm run ingest --', `'${process.execPath}' '${join(ROOT, 'cli/main.ts')}'`);
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: dir,
    env: { PATH: process.env['PATH'], XDG_CACHE_HOME: join(dir, 'cache'), SLUICE_URL: gateway },
  });
  return stdout;
}
