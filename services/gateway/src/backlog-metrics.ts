import { setTimeout as delay } from 'node:timers/promises';
import { Gauge } from 'prom-client';
import type { JobName } from '@sluice/shared/contracts/jobs';
import { registry } from '@sluice/shared/metrics/registry';
import { DEFAULT_TENANT } from '@sluice/shared/redis/keys';
import type { GatewayDeps, Lane } from './context.ts';
import { lookAtBacklog } from './look-at-backlog.ts';
import type { Backlog } from './look-at-backlog.ts';

/** Scrapes of the same moment share one look at Redis. */
const FRESH_MS = 1_000;
/** A Redis that does not answer must not hold up the numbers that are at hand. */
const LOOK_MS = 2_000;

interface Look {
  backlogs: (Backlog & { queue: JobName; workers: number })[];
  documents: Record<string, number>;
}

/**
 * Adds what Redis knows of queues and documents. It is asked at each scrape, by every gateway, and all tell the same: who
 * adds them up counts twice.
 */
export function registerBacklogMetrics(deps: GatewayDeps): void {
  let last: { at: number; look: Promise<Look | undefined> } | undefined;
  const look = () => {
    if (!last || performance.now() - last.at > FRESH_MS) {
      const asked = Promise.race([lookAtRedis(deps), delay(LOOK_MS, undefined, { ref: false })]);
      last = { at: performance.now(), look: asked.catch(() => undefined) };
    }
    return last.look;
  };
  const addGauge = (
    name: string,
    help: string,
    labelNames: string[],
    fill: (gauge: Gauge, look: Look) => void,
  ) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        const seen = await look();
        // No number is better than the one from before Redis went away.
        this.reset();
        if (seen) fill(this, seen);
      },
    });

  addGauge('sluice_queue_jobs', 'Jobs of a queue by state.', ['queue', 'state'], (gauge, { backlogs }) => {
    for (const { queue, jobs } of backlogs)
      for (const [state, count] of Object.entries(jobs)) gauge.set({ queue, state }, count);
  });
  addGauge(
    'sluice_queue_oldest_wait_seconds',
    'How long the job has waited that has waited the longest for its first worker; 0 when none waits.',
    ['queue'],
    (gauge, { backlogs }) => {
      for (const { queue, oldestWaitSeconds } of backlogs) gauge.set({ queue }, oldestWaitSeconds);
    },
  );
  addGauge(
    'sluice_queue_workers',
    'Worker processes that take jobs of a queue.',
    ['queue'],
    (gauge, { backlogs }) => {
      for (const { queue, workers } of backlogs) gauge.set({ queue }, workers);
    },
  );
  addGauge('sluice_documents', 'Documents by status.', ['tenant', 'status'], (gauge, { documents }) => {
    for (const [status, count] of Object.entries(documents))
      gauge.set({ tenant: DEFAULT_TENANT, status }, count);
  });
}

async function lookAtRedis({ lanes, ingest, documents }: GatewayDeps): Promise<Look> {
  const [backlogs, counts] = await Promise.all([
    Promise.all([
      lookAtLane('chat', lanes.interactive),
      lookAtLane('chat-background', lanes.background),
      lookAtLane('ingest', ingest),
    ]),
    documents.counts(DEFAULT_TENANT),
  ]);
  return { backlogs, documents: counts };
}

async function lookAtLane(
  queue: JobName,
  lane: Parameters<typeof lookAtBacklog>[0] & { queue: Pick<Lane<JobName>['queue'], 'workers'> },
): Promise<Look['backlogs'][number]> {
  const [backlog, workers] = await Promise.all([lookAtBacklog(lane), lane.queue.workers()]);
  return { queue, workers, ...backlog };
}
