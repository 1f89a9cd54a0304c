import type { Redis } from 'ioredis';
import type { BlobStore } from '@sluice/shared/blob-store';
import type { DocumentRegistry } from '@sluice/shared/documents';
import type { Doorbell } from '@sluice/shared/event-log/doorbell';
import type { ReadinessCheck } from '@sluice/shared/health';
import type { Logger } from '@sluice/shared/logger';
import type { ModelClient } from '@sluice/shared/model-client';
import type { JobQueue } from '@sluice/shared/queues';
import type { VectorStore } from '@sluice/shared/vector-store/port';

/** Everything the routes need; `main.ts` acquires it, tests may acquire it otherwise. */
export interface GatewayDeps {
  /** Role `commands`: fails at once while Redis is away. */
  commands: Redis;
  /** Role `worker`: reads of streams that are under way, which wait for Redis. */
  reads: Redis;
  doorbell: Doorbell;
  chats: JobQueue<'chat'>;
  ingests: JobQueue<'ingest'>;
  documents: DocumentRegistry;
  blobs: BlobStore;
  store: VectorStore;
  model: ModelClient;
  /** What `/readyz` asks. */
  checks: Record<string, ReadinessCheck>;
  logger: Logger;
  settings: GatewaySettings;
}

/** What of the configuration the routes need. */
export interface GatewaySettings {
  apiKey: string | undefined;
  corsOrigins: readonly string[];
  chatModel: string;
  uploadMaxBytes: number;
  /** Folder for uploads under way; on the same disk as the blobs, so that keeping one is a rename. */
  uploadDir: string;
  retentionMs: number;
}
