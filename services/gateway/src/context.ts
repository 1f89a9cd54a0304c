import type { Admission, BacklogLimits } from '@sluice/shared/admission/admission';
import type { BatchRegistry } from '@sluice/shared/batches/batches';
import type { BlobStore } from '@sluice/shared/blob-store';
import type { ChatRequest } from '@sluice/shared/contracts/chat';
import type { ChatQueueName, JobName } from '@sluice/shared/contracts/jobs';
import type { CollectionRegistry } from '@sluice/shared/collections';
import type { DocumentRegistry } from '@sluice/shared/documents';
import type { Doorbell } from '@sluice/shared/event-log/doorbell';
import type { ReadinessCheck } from '@sluice/shared/health';
import type { Logger } from '@sluice/shared/logger';
import type { ModelClient } from '@sluice/shared/model-client';
import type { JobQueue } from '@sluice/shared/queues';
import type { RedisClient } from '@sluice/shared/redis/connection';
import type { Reranker } from '@sluice/shared/retrieval/reranker';
import type { SpaceRegistry } from '@sluice/shared/vector-store/spaces';
import type { VectorStore } from '@sluice/shared/vector-store/port';
import type { ApiKey } from './api-keys.ts';
import type { ZipLimits } from './expand-zip.ts';
import type { QueueBoard } from './queue-board.ts';
import type { FormLimits } from './receive-batch.ts';

/** Everything the routes need; `main.ts` acquires it, tests may acquire it otherwise. */
export interface GatewayDeps {
  /** Role `commands`: fails at once while Redis is away. */
  commands: RedisClient;
  /** Role `worker`: reads of streams that are under way, which wait for Redis. */
  reads: RedisClient;
  doorbell: Doorbell;
  /** Where chats wait, by their priority. */
  lanes: Record<ChatRequest['priority'], Lane<ChatQueueName>>;
  ingest: Lane<'ingest'>;
  documents: DocumentRegistry;
  batches: BatchRegistry;
  collections: CollectionRegistry;
  spaces: SpaceRegistry;
  blobs: BlobStore;
  store: VectorStore;
  model: ModelClient;
  reranker: Reranker | undefined;
  /** What `/readyz` asks. */
  checks: Record<string, ReadinessCheck>;
  logger: Logger;
  drain: Drain;
  queueBoard: QueueBoard;
  settings: GatewaySettings;
}

/** The end of this gateway. */
export interface Drain {
  /** Aborted when it takes no more requests and ends its streams. */
  begun: AbortSignal;
  /** Aborted when those who still wait for a JSON answer must be told to come back. */
  deadline: AbortSignal;
}

/** A queue with its backlog. */
export interface Lane<N extends JobName> {
  queue: JobQueue<N>;
  admission: Admission;
  limits: BacklogLimits;
}

/** What of the configuration the routes need. */
export interface GatewaySettings {
  /** None: whoever reaches the gateway may do everything. */
  keys: readonly ApiKey[];
  corsOrigins: readonly string[];
  /** Reverse proxies that are believed when they tell the caller's address, as Express takes them. */
  trustedProxies: readonly string[];
  chatModel: string;
  /** Offered beside it. */
  chatModels: readonly string[];
  uploadMaxBytes: number;
  /** Folder for uploads under way; on the same disk as blobs on disk, so that keeping one is a rename. */
  uploadDir: string;
  /** What a request that adds files to a batch may bring. */
  form: FormLimits;
  zip: ZipLimits;
  /** Documents of one batch that are in the ingest queue at a time. */
  batchWindow: number;
  /** How long a batch is kept after its end. */
  batchRetentionMs: number;
  retentionMs: number;
  /** How long an `Idempotency-Key` is remembered. */
  idempotencyMs: number;
  /** How long a job may wait while no worker is there at all. */
  noWorkerMs: number;
}
