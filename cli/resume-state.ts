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
  const file = join(stateDir, createHash('sha256').update(command).digest('hex').slice(0, 32));
  return {
    async read() {
      const id = await readFile(file, 'utf8').catch(() => '');
      return id === '' ? undefined : id;
    },
    async write(batchId) {
      await mkdir(stateDir, { recursive: true });
      await writeFile(file, batchId);
    },
    forget: () => rm(file, { force: true }),
  };
}
