import type { JobName } from '@sluice/shared/contracts/jobs';
import type { JobCounts } from '@sluice/shared/queues';
import type { Lane } from './context.ts';

/** What waits in a queue now. */
export interface Backlog {
  jobs: JobCounts;
  /** Of the job that has waited the longest for its first worker; 0 when none waits. */
  oldestWaitSeconds: number;
}

/** Asks Redis what waits in a queue. */
export async function lookAtBacklog({
  queue,
  admission,
}: Pick<Lane<JobName>, 'admission'> & { queue: Pick<Lane<JobName>['queue'], 'counts'> }): Promise<Backlog> {
  const [jobs, oldest] = await Promise.all([queue.counts(), admission.oldest()]);
  // Redis keeps the time of admission in whole seconds, and has a clock of its own.
  const oldestWaitSeconds = oldest ? Math.max(0, (Date.now() - oldest.getTime()) / 1_000) : 0;
  return { jobs, oldestWaitSeconds };
}
