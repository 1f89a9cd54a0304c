import { monitorEventLoopDelay } from 'node:perf_hooks';
import { z } from 'zod';
import { registry } from '../metrics/registry.ts';

const RESOLUTION_MS = 20;
/** What counts as recent: charts move within it, and a single slow answer does not make them jump. */
const RECENT_MS = 10_000;

/** The counters that the operations page is drawn from; see docs/operations/metrics.md. */
export const ENDED = 'sluice_jobs_ended_total';
export const GENERATED = 'sluice_chat_tokens_generated_total';
const DELIVERED = 'sluice_chat_tokens_delivered_total';
export const CHUNKS = 'sluice_ingest_chunks_total';
const FIRST_TOKEN = 'sluice_chat_first_token_seconds';
const TAKEN = 'sluice_job_wait_seconds';
const COUNTED = [ENDED, GENERATED, DELIVERED, CHUNKS, FIRST_TOKEN, TAKEN];

const count = z.number().nonnegative();

/** How a process fares. */
export const vitalsSchema = z.object({
  draining: z.boolean().default(false),
  /** The longest that the event loop was held up since the beat before. */
  lag_ms: count,
  rss_bytes: count,
  /** Of the queues that it takes jobs from. */
  queues: z.record(z.string(), z.object({ running: count, slots: count })),
  /** Event streams that it has open, by kind. */
  streams: z.record(z.string(), count),
  /** What it counted in the last ten seconds, or since it started. */
  recent: z.object({
    seconds: z.number().positive(),
    /** First tokens that came within so many seconds, by the bound, as Prometheus has them. */
    first_token: z.record(z.string(), count),
    tokens_generated: count,
    tokens_delivered: count,
    chunks: count,
    /** Jobs that it took for the first time, by queue. */
    taken: z.record(z.string(), count),
    ended: z.array(z.object({ work: z.string(), outcome: z.string(), code: z.string(), count })),
  }),
});
export type Vitals = z.infer<typeof vitalsSchema>;

/** One number of a counter. */
export interface Sample {
  metric: string;
  labels: Record<string, string>;
  value: number;
}

/** What this process has counted since it started, by metric and labels. */
export type Totals = ReadonlyMap<string, Sample>;

/** What a process counts, as it is and as it has lately changed. Reads the metrics; counts nothing itself. */
export function createVitals() {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const begun: { at: number; totals: Totals } = { at: performance.now(), totals: new Map() };
  let past = [begun];

  return {
    async take(): Promise<{ vitals: Vitals; totals: Totals }> {
      const [totals, queues, streams] = await Promise.all([readTotals(), readQueues(), readStreams()]);
      const at = performance.now();
      // The youngest that is old enough, and all after it.
      const oldest = past.findLastIndex((one) => at - one.at >= RECENT_MS);
      past = past.slice(Math.max(oldest, 0));
      const before = past[0] ?? begun;
      past.push({ at, totals });
      const lagMs = Math.max(0, delay.max / 1e6 - RESOLUTION_MS);
      delay.reset();
      const recent = summarize(totals, before.totals, Math.max(0.001, (at - before.at) / 1_000));
      const rss_bytes = process.memoryUsage.rss();
      return { vitals: { draining: false, lag_ms: lagMs, rss_bytes, queues, streams, recent }, totals };
    },
    stop: () => delay.disable(),
  };
}

function sumOfTenants(ended: readonly Sample[]): Vitals['recent']['ended'] {
  const sums = new Map<string, Vitals['recent']['ended'][number]>();
  for (const { labels, value } of ended) {
    const { work = '', outcome = '', code = '' } = labels;
    const key = `${work} ${outcome} ${code}`;
    const sum = sums.get(key) ?? { work, outcome, code, count: 0 };
    sums.set(key, { ...sum, count: sum.count + value });
  }
  return [...sums.values()].filter((sum) => sum.count > 0);
}

async function readMetric(metric: string): Promise<Sample[]> {
  const { values = [] } = (await registry.getSingleMetric(metric)?.get()) ?? {};
  return values.map(({ labels, value, ...more }) => ({
    metric: 'metricName' in more ? String(more.metricName) : metric,
    labels: Object.fromEntries(Object.entries(labels).map(([name, label]) => [name, String(label)])),
    value,
  }));
}

async function readTotals(): Promise<Totals> {
  const samples = (await Promise.all(COUNTED.map(readMetric))).flat();
  return new Map(samples.map((sample) => [`${sample.metric} ${JSON.stringify(sample.labels)}`, sample]));
}

async function readQueues(): Promise<Vitals['queues']> {
  const [running, slots] = await Promise.all([
    readMetric('sluice_jobs_running'),
    readMetric('sluice_job_slots'),
  ]);
  const runningIn = (queue: string | undefined) =>
    running.find(({ labels }) => labels['queue'] === queue)?.value ?? 0;
  return Object.fromEntries(
    slots.map(({ labels, value }) => [
      labels['queue'] ?? '',
      { running: runningIn(labels['queue']), slots: value },
    ]),
  );
}

async function readStreams(): Promise<Vitals['streams']> {
  const open = await readMetric('sluice_streams_open');
  return Object.fromEntries(open.map(({ labels, value }) => [labels['stream'] ?? '', value]));
}

function summarize(now: Totals, before: Totals, seconds: number): Vitals['recent'] {
  const changes = [...now].map(([key, sample]) => ({
    ...sample,
    value: sample.value - (before.get(key)?.value ?? 0),
  }));
  const of = (metric: string) => changes.filter((change) => change.metric === metric);
  const by = (metric: string, label: string) =>
    Object.fromEntries(of(metric).map(({ labels, value }) => [labels[label] ?? '', value]));
  const sum = (metric: string) => of(metric).reduce((total, { value }) => total + value, 0);
  return {
    seconds,
    first_token: sum(`${FIRST_TOKEN}_count`) > 0 ? by(`${FIRST_TOKEN}_bucket`, 'le') : {},
    tokens_generated: sum(GENERATED),
    tokens_delivered: sum(DELIVERED),
    chunks: sum(CHUNKS),
    taken: by(`${TAKEN}_count`, 'queue'),
    ended: sumOfTenants(of(ENDED)),
  };
}
