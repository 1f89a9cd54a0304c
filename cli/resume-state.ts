import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { IngestPlan } from './config.ts';

/** Remembers the batch of a command until that has seen its end. */
export interface ResumeState {
  read(): Promise<string | undefined>;
  write(batchId: string): Promise<void>;
  forget(): Promise<void>;
}

/** The state of the same command: inputs, server and settings. */
export function openResumeState(plan: IngestPlan): ResumeState {
  const { inputs, url, collection, metadata, replace, stateDir } = plan;
  const command = JSON.stringify({ inputs, url, collection, metadata, replace });
  const file = join(stateDir, `${createHash('sha256').update(command).digest('hex').slice(0, 32)}.json`);
  return {
    async read() {
      const text = await readFile(file, 'utf8').catch(() => '{}');
      const { batch } = JSON.parse(text) as { batch?: unknown };
      return typeof batch === 'string' ? batch : undefined;
    },
    async write(batch) {
      await mkdir(stateDir, { recursive: true });
      await writeFile(file, JSON.stringify({ batch, inputs, url }));
    },
    forget: () => rm(file, { force: true }),
  };
}
