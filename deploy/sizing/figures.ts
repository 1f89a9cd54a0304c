/** A measured number, and the words of the page that says how it was measured. */
export interface Figure {
  value: number;
  unit: string;
  page: string;
  /** Stands in the page as it is; a test looks. */
  quote: string;
}

const PERFORMANCE = 'docs/performance.md';
const REDIS = 'docs/operations/redis.md';
const SIZING = 'docs/operations/sizing.md';
const AT_500 = 'chat-worker 0.75, gateway 0.37, Redis 0.34';
/** Events a second of the run that {@link AT_500} is of: 500 streams at 30 tokens/s, each an event. */
const EVENTS_AT_500 = 15_000;
const cpu = (cores: number): Figure => ({
  value: (cores / EVENTS_AT_500) * 1e6,
  unit: 'µs of a core per event',
  page: PERFORMANCE,
  quote: AT_500,
});

/** What one event, one stream, one process cost. An event is what a worker appends at once: at 30 tokens/s one token. */
export const FIGURES = {
  workerCpu: cpu(0.75),
  gatewayCpu: cpu(0.37),
  redisCpu: cpu(0.34),
  gatewayStream: {
    value: 36_000,
    unit: 'bytes per stream',
    page: PERFORMANCE,
    quote: 'memory of the gateway per idle stream, 10,000 streams | 36 KB',
  },
  workerStream: {
    value: 59_000,
    unit: 'bytes per answer under way',
    page: PERFORMANCE,
    quote: 'memory of the chat-worker, of Redis, per idle stream | 59 KB, 8 KB',
  },
  jobs: { value: 912, unit: 'answers a second', page: PERFORMANCE, quote: 'jobs/s, 100 clients | 912' },
  chunksPerWorker: {
    value: 398,
    unit: 'chunks a second of one ingest-worker',
    page: PERFORMANCE,
    quote: 'documents/s, MB/s, chunks/s, 10,000 documents | 50, 0.14, 398',
  },
  logEvent: {
    value: 55,
    unit: 'bytes of Redis per event of a log',
    page: REDIS,
    quote: 'a log takes 55 KB for an answer of 1,000 tokens that came one by one',
  },
  process: {
    value: 200e6,
    unit: 'bytes of an idle process',
    page: SIZING,
    quote: '| an idle process | 190 to 210 MB |',
  },
  redisIn: {
    value: 390,
    unit: 'bytes into Redis per event',
    page: SIZING,
    quote: '| into Redis, per event | 390 bytes |',
  },
  redisOut: {
    value: 180,
    unit: 'bytes out of Redis per event and viewer',
    page: SIZING,
    quote: '| out of Redis, per event | 180 bytes |',
  },
  appendOnly: {
    value: 330,
    unit: 'bytes of append-only file per event',
    page: SIZING,
    quote: '| append-only file, per event | 330 bytes |',
  },
  frame: {
    value: 38,
    unit: 'bytes of a frame',
    page: SIZING,
    quote: '| to a client, per event | 38 bytes |',
  },
} as const satisfies Record<string, Figure>;

/** Connections that a process has to one master at most; counted with `CLIENT LIST`. */
export const CONNECTIONS = 6;
/** Redis's own default. */
export const MAX_CLIENTS = 10_000;
/** "The suggested max size of nodes is in the order of ~ 1000 nodes" (redis.io, cluster specification). */
export const CLUSTER_NODES = 1_000;
/** Of `QUEUE_SHARDS`. */
export const MAX_SHARDS = 64;
