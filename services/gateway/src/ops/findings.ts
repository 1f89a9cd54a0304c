import type { Finding, OpsQueue } from '@sluice/shared/contracts/ops';

/** A worker that starts, or a rolling restart, leaves a queue without one for a moment. */
const NO_WORKERS_SECONDS = 3;
/** Somebody waits for a chat. */
const NO_FREE_SLOTS_SECONDS = 5;
/** Longer than a window of `taken_per_second`: none of it is from before the slots were free. */
const NOT_DRAINING_SECONDS = 12;

/** Queues whose jobs may wait, as long as they move. */
const PATIENT_QUEUES = ['chat-background', 'ingest'];

const SEVERITY: Finding['kind'][] = ['stall', 'starvation', 'notice'];

/** What there is to know about the queues, worst first. Pure. */
export function findTroubles(queues: readonly OpsQueue[]): Finding[] {
  return queues.flatMap(examine).toSorted((a, b) => SEVERITY.indexOf(a.kind) - SEVERITY.indexOf(b.kind));
}

/**
 * Starvation is told from stalls by where the jobs are and what workers say: jobs that wait while there is no worker or no
 * free slot starve; jobs whose worker is gone, or that nobody takes although slots are free, are stalled.
 */
function examine(queue: OpsQueue): Finding[] {
  const { name, jobs, lost, workers, running, slots, oldest_wait_seconds: waited } = queue;
  const find = (
    kind: Finding['kind'],
    code: Finding['code'],
    count: number,
    message: string,
    seconds?: number,
  ): Finding => ({
    queue: name,
    kind,
    code,
    jobs: count,
    workers,
    slots,
    message,
    ...(seconds !== undefined && { seconds }),
  });
  const findings: Finding[] = [];
  const oldest = `the oldest for ${Math.round(waited)} s`;

  if (lost > 0) {
    const heirs =
      workers === 0 ? 'There is no other worker to take over.' : 'Another worker takes over within seconds.';
    findings.push(
      find('stall', 'lost_worker', lost, `${lost} running in ${name} lost their worker. ${heirs}`),
    );
  }
  if (jobs.delayed > 0)
    findings.push(
      find(
        'notice',
        'retrying',
        jobs.delayed,
        `${jobs.delayed} in ${name} failed for a reason that may pass and wait for another try.`,
      ),
    );
  if (jobs.waiting === 0) return findings;

  const waiting = `${jobs.waiting} wait in ${name}, ${oldest}`;
  if (workers === 0) {
    if (waited >= NO_WORKERS_SECONDS)
      findings.push(
        find(
          'starvation',
          'no_workers',
          jobs.waiting,
          `${waiting}, and there is no worker. Start one.`,
          waited,
        ),
      );
    return findings;
  }
  // Between two short jobs a slot is free for a moment: as long as jobs are taken, it is slots that are wanting.
  const isBusy = running >= slots || queue.taken_per_second > 0;
  if (isBusy && waited >= NO_FREE_SLOTS_SECONDS) {
    const busy = `${waiting}: all ${slots} slots of ${workers} workers are taken`;
    findings.push(
      PATIENT_QUEUES.includes(name)
        ? find('notice', 'backlog', jobs.waiting, `${busy}.`, waited)
        : find('starvation', 'no_free_slots', jobs.waiting, `${busy}. Add workers.`, waited),
    );
  }
  if (!isBusy && waited >= NOT_DRAINING_SECONDS)
    findings.push(
      find(
        'stall',
        'not_draining',
        jobs.waiting,
        `${waiting}, although ${slots - running} of ${slots} slots are free: workers take nothing. Look at their logs, and whether the queue is paused.`,
        waited,
      ),
    );
  return findings;
}
