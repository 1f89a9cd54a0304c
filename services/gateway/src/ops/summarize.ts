import type { OpsProcess, OpsSnapshot } from '@sluice/shared/contracts/ops';
import type { SeenProcess } from '@sluice/shared/ops/heartbeat';
import { estimatePercentile } from './percentiles.ts';

/** Most processes in one snapshot; all are counted. */
const MAX_LISTED = 200;

const STATES: OpsProcess['state'][] = ['lost', 'draining', 'alive'];

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

/** The processes themselves: those that were lost first. */
export function summarizeProcesses(seen: readonly SeenProcess[]): OpsSnapshot['processes'] {
  const all = seen.map(describe);
  const count = (state: OpsProcess['state']) => all.filter((one) => one.state === state).length;
  const list = all.toSorted(
    (a, b) =>
      STATES.indexOf(a.state) - STATES.indexOf(b.state) ||
      a.service.localeCompare(b.service) ||
      a.id.localeCompare(b.id),
  );
  return {
    alive: count('alive'),
    draining: count('draining'),
    lost: count('lost'),
    list: list.slice(0, MAX_LISTED),
  };
}

function describe(one: SeenProcess): OpsProcess {
  const queues = Object.values(one.queues);
  const state = one.draining ? 'draining' : 'alive';
  return {
    id: one.id,
    service: one.service,
    state: one.isLost ? 'lost' : state,
    version: one.version,
    host: one.host,
    pid: one.pid,
    started_at: one.started_at,
    heartbeat_age_seconds: one.ageMs / 1_000,
    lag_ms: one.lag_ms,
    memory_bytes: one.rss_bytes,
    running: sum(queues.map(({ running }) => running)),
    slots: sum(queues.map(({ slots }) => slots)),
    streams: sum(Object.values(one.streams)),
  };
}

/** Who takes jobs of a queue: those that drain finish theirs, and take no more. */
export function summarizeWorkers(
  seen: readonly SeenProcess[],
  queue: string,
): { workers: number; running: number; slots: number; taken_per_second: number } {
  const takers = seen.flatMap(({ isLost, draining, queues, recent }) => {
    const load = queues[queue];
    const isTaker = load !== undefined && load.slots > 0 && !isLost && !draining;
    return isTaker ? [{ ...load, perSecond: (recent.taken[queue] ?? 0) / recent.seconds }] : [];
  });
  return {
    workers: takers.length,
    running: sum(takers.map(({ running }) => running)),
    slots: sum(takers.map(({ slots }) => slots)),
    taken_per_second: sum(takers.map(({ perSecond }) => perSecond)),
  };
}

/** Open event streams by kind. */
export function summarizeStreams(seen: readonly SeenProcess[]): Record<string, number> {
  const streams: Record<string, number> = {};
  for (const one of living(seen))
    for (const [kind, open] of Object.entries(one.streams)) streams[kind] = (streams[kind] ?? 0) + open;
  return streams;
}

/** What chats were like in the last ten seconds. */
export function summarizeChat(seen: readonly SeenProcess[]): OpsSnapshot['chat'] {
  const alive = living(seen);
  const buckets: Record<string, number> = {};
  for (const { recent } of alive)
    for (const [bound, count] of Object.entries(recent.first_token))
      buckets[bound] = (buckets[bound] ?? 0) + count;
  const percentile = (share: number) => {
    const seconds = estimatePercentile(buckets, share);
    return seconds === undefined ? undefined : seconds * 1_000;
  };
  const [p50, p95] = [percentile(0.5), percentile(0.95)];
  return {
    first_token: {
      count: buckets['+Inf'] ?? 0,
      ...(p50 !== undefined && { p50_ms: p50 }),
      ...(p95 !== undefined && { p95_ms: p95 }),
    },
    tokens_per_second: rateOf(alive, ({ tokens_generated }) => tokens_generated),
    tokens_delivered_per_second: rateOf(alive, ({ tokens_delivered }) => tokens_delivered),
    ended: {
      done: sum(alive.map(({ recent }) => ended(recent, 'chat', 'done'))),
      failed: sum(alive.map(({ recent }) => ended(recent, 'chat', 'failed'))),
      cancelled: sum(alive.map(({ recent }) => ended(recent, 'chat', 'cancelled'))),
    },
  };
}

/** How fast documents were ingested in the last ten seconds. */
export function summarizeIngest(
  seen: readonly SeenProcess[],
): Pick<OpsSnapshot['ingest'], 'documents_per_second' | 'chunks_per_second'> {
  const alive = living(seen);
  return {
    documents_per_second: rateOf(alive, (recent) => ended(recent, 'document', 'done')),
    chunks_per_second: rateOf(alive, ({ chunks }) => chunks),
  };
}

type Recent = SeenProcess['recent'];

function living(seen: readonly SeenProcess[]): SeenProcess[] {
  return seen.filter(({ isLost }) => !isLost);
}

function rateOf(alive: readonly SeenProcess[], count: (recent: Recent) => number): number {
  return sum(alive.map(({ recent }) => count(recent) / recent.seconds));
}

function ended(recent: Recent, work: string, outcome: string): number {
  return sum(
    recent.ended.filter((one) => one.work === work && one.outcome === outcome).map(({ count }) => count),
  );
}
