import { readFile, writeFile } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Nice value of the child: chat and the event loops of the services go first. */
const CHILD_NICENESS = 10;

/** Makes the kernel kill the child before anything else when memory runs out (proc(5): -1000 to 1000). */
const OOM_SCORE_ADJUSTMENT = '1000';

/**
 * Node flags of the child: a heap limit, and the permission model. The child reads code and font data, and nothing
 * else: no documents (they come in on stdin), no writing, no processes, no native add-ons.
 */
export function childFlags(heapMb: number): string[] {
  const service = join(import.meta.dirname, '..', '..');
  const readable = new Set([
    service,
    join(service, '..', '..', 'node_modules'),
    dirname(dirname(fileURLToPath(import.meta.resolve('pdfjs-dist/package.json')))),
    dirname(dirname(fileURLToPath(import.meta.resolve('@sluice/shared/errors')))),
  ]);
  return [
    `--max-old-space-size=${heapMb}`,
    '--disallow-code-generation-from-strings',
    '--permission',
    // For watch-parent.ts; the warning says that a worker can loosen the permissions again.
    '--allow-worker',
    '--disable-warning=PERM0006',
    ...[...readable].map((path) => `--allow-fs-read=${path}`),
  ];
}

/** Puts the child last in line for CPU and first in line for the kernel's OOM killer, where the system allows it. */
export async function demoteProcess(pid: number): Promise<void> {
  try {
    setPriority(pid, CHILD_NICENESS);
    await writeFile(`/proc/${pid}/oom_score_adj`, OOM_SCORE_ADJUSTMENT);
  } catch {
    // Gone already, or a system without /proc: the limits below hold without it.
  }
}

/** Resident memory of a process in bytes; 0 when it is gone. */
export async function readRss(pid: number): Promise<number> {
  try {
    if (process.platform !== 'linux') return await askPs(pid);
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

async function askPs(pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout.trim()) * 1024;
}
