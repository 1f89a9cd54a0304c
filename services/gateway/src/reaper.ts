import { randomUUID } from 'node:crypto';
import type { OpenJob } from '@sluice/shared/admission/admission';
import { isBatchCaller } from '@sluice/shared/batches/origin';
import { isTerminal } from '@sluice/shared/contracts/events';
import { noteWaiting, readLastEntry } from '@sluice/shared/event-log/log';
import { DEFAULT_TENANT, reaperKey } from '@sluice/shared/redis/keys';
import type { GatewayDeps } from './context.ts';
import { tendBatches } from './tend-batches.ts';
import { deleteRetired } from './uploads.ts';
import { listWards, LOST } from './wards.ts';
import type { Ward } from './wards.ts';

const TICK_MS = 2_000;
/** Reaping reads every open log, so it is done at every fifth tick. */
const TICKS_PER_REAP = 5;
/** A gateway that leads and dies is replaced after this time. */
const LEAD_MS = 8_000;
/** A job younger than this is left alone: its submission may be under way. */
const MIN_AGE_MS = 10_000;
const MAX_NOTED = 200;
/** Between two looks at the workers, beyond which the second one is a first one. */
const MAX_UNSEEN_MS = 60_000;
const MAX_REAPED = 5_000;

/**
 * Looks after what waits and what nobody owns. One gateway at a time does it, every other is ready to: tells waiting
 * jobs their position, moves batches on, and ends the logs of jobs that are gone, or that wait while there is no worker
 * at all. What it does is safe to do twice.
 */
export function startReaper(deps: GatewayDeps): AsyncDisposable {
  const wards = listWards(deps);
  const me = randomUUID();
  const noted = new Map<string, number>();
  const lookForWorkers = createWorkerWatch(deps.settings.noWorkerMs);
  let suspects = new Set<string>();
  let ticks = 0;
  let isStopped = false;
  let running: Promise<void> = Promise.resolve();

  const tick = async () => {
    if (!(await leads(deps, me))) return;
    for (const ward of wards) await notePositions(deps, ward, noted);
    const isReaping = ++ticks % TICKS_PER_REAP === 0;
    await tendBatches(deps, { repair: isReaping });
    if (!isReaping) return;
    const found = new Set<string>();
    for (const ward of wards)
      await reap(deps, ward, { suspects, found, areWorkersGone: await lookForWorkers(ward) });
    await deleteLeftovers(deps);
    suspects = found;
  };
  const run = () => {
    running = tick().catch((error: unknown) => deps.logger.debug({ err: error }, 'reaper: skipped a turn'));
    void running.then(() => {
      if (!isStopped) timer = setTimeout(run, TICK_MS);
    });
  };
  let timer = setTimeout(run, TICK_MS);

  return {
    async [Symbol.asyncDispose]() {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}

/** Finds out whether a ward has had no worker for `noWorkerMs`: while all of them restart there is none for a moment. */
function createWorkerWatch(noWorkerMs: number): (ward: Ward) => Promise<boolean> {
  const absences = new Map<Ward, { since: number; seen: number }>();
  return async (ward) => {
    const now = performance.now();
    if ((await ward.queue.workers()) > 0) {
      absences.delete(ward);
      return false;
    }
    const known = absences.get(ward);
    // Looked at only while this gateway leads: what was long ago says nothing of the time between.
    const since = known && now - known.seen < MAX_UNSEEN_MS ? known.since : now;
    absences.set(ward, { since, seen: now });
    return now - since >= noWorkerMs;
  };
}

/** Finishes deletions that broke off. */
async function deleteLeftovers(deps: GatewayDeps): Promise<void> {
  for (const id of await deps.documents.retired(DEFAULT_TENANT)) {
    await deleteRetired(deps, DEFAULT_TENANT, id).catch((error: unknown) =>
      deps.logger.debug({ err: error, job_id: id }, 'could not delete yet'),
    );
  }
}

async function leads({ commands }: GatewayDeps, me: string): Promise<boolean> {
  if ((await commands.set(reaperKey, me, 'PX', LEAD_MS, 'NX')) === 'OK') return true;
  if ((await commands.get(reaperKey)) !== me) return false;
  await commands.pexpire(reaperKey, LEAD_MS);
  return true;
}

/** Writes a `queued` record where the position has changed since the last one. */
async function notePositions(
  { commands }: GatewayDeps,
  ward: Ward,
  noted: Map<string, number>,
): Promise<void> {
  const waiting = await ward.admission.waiting(MAX_NOTED);
  for (const { tenant, id, position, estimatedWaitMs } of waiting) {
    const last = noted.get(id);
    noted.set(id, position);
    if (last === undefined || last === position) continue;
    const estimate = estimatedWaitMs === undefined ? {} : { estimated_wait_ms: estimatedWaitMs };
    await noteWaiting(commands, { tenant, jobId: id }, { type: 'queued', position, ...estimate });
  }
  const ids = new Set(waiting.map(({ id }) => id));
  for (const id of noted.keys()) if (!ids.has(id) && noted.size > MAX_NOTED * 4) noted.delete(id);
}

/**
 * Ends what has no owner. A job that its queue does not know is only a suspect the first time: between two queues' sets
 * it may be in none for a moment.
 */
async function reap(
  deps: GatewayDeps,
  ward: Ward,
  turn: { suspects: ReadonlySet<string>; found: Set<string>; areWorkersGone: boolean },
): Promise<void> {
  const jobs = await ward.admission.open(new Date(Date.now() - MIN_AGE_MS), MAX_REAPED);
  const ended: OpenJob[] = [];
  for (const job of jobs) {
    const age = Date.now() - job.admittedAt.getTime();
    const last = await readLastEntry(deps.commands, { tenant: job.tenant, jobId: job.id });
    if (!last && (await ward.isBeingKept(job, age))) continue;
    if (!last) await ward.giveUp(job, 'worker_lost', LOST);
    if (!last || isTerminal(last.record)) {
      ended.push(job);
      continue;
    }
    const state = await ward.queue.state(job.id);
    if (state === 'gone') {
      if (turn.suspects.has(job.id)) await ward.giveUp(job, 'worker_lost', LOST);
      turn.found.add(job.id);
    }
    // A night without workers must not fail the files of a batch, one window after the other: they wait.
    if (isBatchCaller(job.caller)) continue;
    if (state === 'waiting' && turn.areWorkersGone && age > deps.settings.noWorkerMs) {
      await ward.queue.remove(job.id);
      await ward.giveUp(job, 'no_worker', 'No worker is there to do the job. Try again later.');
    }
  }
  await ward.admission.close(ended);
}
