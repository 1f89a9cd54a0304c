import { CLUSTER_NODES, CONNECTIONS, FIGURES, MAX_CLIENTS, MAX_SHARDS } from './figures.ts';

/** What is asked of an installation. */
export interface Load {
  /** Answers that stream at the same time, at the busiest moment. */
  streams: number;
  /** Of one stream; the model's tokens, as far as they come one by one, and 100 at most. */
  eventsPerSecond: number;
  /** Of an answer. */
  eventsPerAnswer: number;
  /** How long an ended log is kept: LOG_RETENTION_SECONDS, or IDEMPOTENCY_TTL_SECONDS where clients send a key. */
  retentionSeconds: number;
  /** What the streams are on average over that time, as a share of the busiest moment. */
  meanShare: number;
  /** How full a core and a memory may be planned to be. */
  utilization: number;
  /** Memory of one Redis node, in bytes. */
  redisBytes: number;
}

export const DEFAULT_LOAD: Load = {
  streams: 1_000,
  eventsPerSecond: 30,
  eventsPerAnswer: 500,
  retentionSeconds: 3_600,
  meanShare: 0.5,
  utilization: 0.6,
  redisBytes: 16e9,
};

/** What it needs. Bytes are bytes, rates are per second. */
export interface Need {
  eventsPerSecond: number;
  answersPerSecond: number;
  gateways: number;
  streamsPerGateway: number;
  gatewayBytes: number;
  chatWorkers: number;
  chatConcurrency: number;
  workerBytes: number;
  redisCores: number;
  redisIn: number;
  redisOut: number;
  redisDisk: number;
  logBytes: number;
  mastersByCpu: number;
  mastersByMemory: number;
  masters: number;
  connectionsPerMaster: number;
  shards: number;
  clientsOut: number;
  /** What is beyond what one installation can be. */
  limits: string[];
}

/** One process that fails must not make the others too full. */
const SPARE = 1;

/** Answers to "how many, and how large". Each line is a formula of docs/operations/sizing.md. */
export function size(load: Load): Need {
  const { streams, utilization } = load;
  const events = streams * load.eventsPerSecond;
  const answers = events / load.eventsPerAnswer;
  const coresOf = ({ value }: { value: number }) => (events * value) / 1e6;
  const count = (cores: number) => Math.ceil(cores / utilization);

  const busyGateways = count(coresOf(FIGURES.gatewayCpu));
  const busyWorkers = count(coresOf(FIGURES.workerCpu));
  const streamsPerGateway = Math.ceil(streams / busyGateways);
  const chatConcurrency = Math.ceil(streams / busyWorkers);

  const ended = answers * load.retentionSeconds * load.meanShare * load.eventsPerAnswer;
  const underWay = (streams * load.eventsPerAnswer) / 2;
  const logBytes = (ended + underWay) * FIGURES.logEvent.value;
  const mastersByCpu = count(coresOf(FIGURES.redisCpu));
  const mastersByMemory = count(logBytes / load.redisBytes);
  const masters = Math.max(mastersByCpu, mastersByMemory);
  const processes = busyGateways + busyWorkers + 2 * SPARE;
  const shards = count(answers / FIGURES.jobs.value);
  const connectionsPerMaster = processes * CONNECTIONS;

  return {
    eventsPerSecond: events,
    answersPerSecond: answers,
    gateways: busyGateways + SPARE,
    streamsPerGateway,
    gatewayBytes: FIGURES.process.value + streamsPerGateway * FIGURES.gatewayStream.value,
    chatWorkers: busyWorkers + SPARE,
    chatConcurrency,
    workerBytes: FIGURES.process.value + chatConcurrency * FIGURES.workerStream.value,
    redisCores: coresOf(FIGURES.redisCpu),
    redisIn: events * FIGURES.redisIn.value,
    redisOut: events * FIGURES.redisOut.value,
    redisDisk: events * FIGURES.appendOnly.value,
    logBytes,
    mastersByCpu,
    mastersByMemory,
    masters,
    connectionsPerMaster,
    shards,
    clientsOut: events * FIGURES.frame.value,
    limits: [
      ...(masters * 2 > CLUSTER_NODES ? ['nodes of a Redis Cluster, with a replica for each master'] : []),
      ...(connectionsPerMaster > MAX_CLIENTS ? ['connections of a Redis node'] : []),
      ...(shards > MAX_SHARDS ? ['QUEUE_SHARDS'] : []),
    ],
  };
}

/** What documents need of Qdrant. */
export interface VectorNeed {
  /** int8 copies, which are kept in memory, with Qdrant's own half again for graphs and overhead. */
  memoryBytes: number;
  /** Vectors as they came, their copies, and the text. */
  diskBytes: number;
}

/** Bytes of a chunk's text with what is kept of its document, and of its words; of chunks of 500 characters. */
const PAYLOAD = 1_500;
const WORDS = 1_000;
/** "memory_size = number_of_vectors * vector_dimension * 4 bytes * 1.5" (qdrant.tech, capacity planning). */
const OVERHEAD = 1.5;

/** @param dimensions of the embedding model */
export function sizeVectors(chunks: number, dimensions: number): VectorNeed {
  return {
    memoryBytes: chunks * dimensions * OVERHEAD,
    diskBytes: chunks * (dimensions * (4 + 1) * OVERHEAD + PAYLOAD + WORDS),
  };
}

/** What ingesting many documents in a given time needs. */
export interface IngestNeed {
  chunksPerSecond: number;
  ingestWorkers: number;
  /** Of the embedding provider. */
  tokensPerMinute: number;
}

/** Tokens of a chunk of 500 characters, by the estimate of the embedding budget, for text that is half Chinese. */
const TOKENS_PER_CHUNK = 312;

export function sizeIngest(chunks: number, seconds: number, utilization: number): IngestNeed {
  const chunksPerSecond = chunks / seconds;
  return {
    chunksPerSecond,
    ingestWorkers: Math.ceil(chunksPerSecond / FIGURES.chunksPerWorker.value / utilization),
    tokensPerMinute: chunksPerSecond * TOKENS_PER_CHUNK * 60,
  };
}
