/** What the operations API tells, written by hand like the rest of types.ts, and proved by the same test. */

/** What a key may do; `admin` includes the others. */
export type Scope = 'chat' | 'knowledge' | 'ops' | 'admin';

/** What the caller may do. */
export interface OpsSession {
  scopes: Scope[];
  /** ISO 8601; until when the browser's cookie opens `/ops/queues`. Absent where the server asks for no key. */
  expires_at?: string | undefined;
}

/** Something that is to be known about a queue. */
export interface Finding {
  queue: string;
  /**
   * Starvation: jobs wait for want of workers. Stall: workers are there, or were, and jobs do not move. Notice: nothing is
   * wrong.
   */
  kind: 'starvation' | 'stall' | 'notice';
  code: 'no_workers' | 'no_free_slots' | 'lost_worker' | 'not_draining' | 'backlog' | 'retrying';
  jobs: number;
  /** How long the oldest of them has waited. */
  seconds?: number | undefined;
  workers: number;
  slots: number;
  /** In words. */
  message: string;
}

/** A queue as it is now. */
export interface OpsQueue {
  name: string;
  jobs: { waiting: number; active: number; delayed: number; failed: number };
  /** Active jobs that no worker holds any more. */
  lost: number;
  oldest_wait_seconds: number;
  /** Jobs that workers took, over ten seconds. */
  taken_per_second: number;
  workers: number;
  running: number;
  slots: number;
}

/** A process as it last told of itself. */
export interface OpsProcess {
  id: string;
  service: 'gateway' | 'chat-worker' | 'ingest-worker';
  state: 'alive' | 'draining' | 'lost';
  version: string;
  host: string;
  pid: number;
  /** ISO 8601. */
  started_at: string;
  heartbeat_age_seconds: number;
  /** The longest that its event loop was held up lately. */
  lag_ms: number;
  memory_bytes: number;
  /** Jobs that it works on. */
  running: number;
  slots: number;
  /** Event streams that it has open. */
  streams: number;
}

/** What a tenant has used. */
export interface TenantUsage {
  chats: number;
  chats_failed: number;
  /** Generated, estimated from the text. */
  tokens: number;
  /** Ingested, or failed. */
  documents: number;
  documents_failed: number;
  chunks: number;
}

/** A document that could not be ingested. */
export interface FailedDocument {
  id: string;
  tenant: string;
  version: number;
  /** Shown to the scope `admin` alone. */
  filename?: string | undefined;
  collection: string;
  type: string;
  bytes: number;
  code: string;
  message: string;
  /** ISO 8601. */
  failed_at: string;
}

/** Something that failed lately. */
export interface RecentError {
  id: string;
  /** ISO 8601. */
  at: string;
  /** A request that was answered with 5xx, a chat or a document that ended as failed. */
  source: 'request' | 'chat' | 'document';
  code: string;
  message: string;
  tenant?: string | undefined;
  request_id?: string | undefined;
  job_id?: string | undefined;
  /** Failures of the same process before it that were too many to note. */
  omitted?: number | undefined;
}

/** A batch that has not ended. */
export interface OpsBatch {
  id: string;
  /** Shown to the scope `admin` alone. */
  name?: string | undefined;
  state: string;
  items: number;
  done: number;
  failed: number;
  estimated_seconds?: number | undefined;
  /** ISO 8601. */
  created_at: string;
}

/** How everything is at one moment. */
export interface OpsSnapshot {
  /** ISO 8601. */
  at: string;
  /** Worst first; none when all is well. */
  findings: Finding[];
  queues: OpsQueue[];
  /** At most 200 are listed, those that were lost first. */
  processes: { alive: number; draining: number; lost: number; list: OpsProcess[] };
  /** Open event streams by kind. */
  streams: Record<string, number>;
  chat: {
    /** Of the last ten seconds. */
    first_token: { count: number; p50_ms?: number | undefined; p95_ms?: number | undefined };
    tokens_per_second: number;
    tokens_delivered_per_second: number;
    /** In the last ten seconds. */
    ended: { done: number; failed: number; cancelled: number };
  };
  ingest: {
    /** By status. */
    documents: Record<string, number>;
    documents_per_second: number;
    chunks_per_second: number;
    failures: { code: string; documents: number }[];
    /** The latest 50. */
    failed: FailedDocument[];
  };
  tenants: { tenant: string; today: TenantUsage; total: TenantUsage }[];
  batches: OpsBatch[];
  /** The latest 50, newest first. */
  errors: RecentError[];
}

/** One turn of watching: how everything is, or why that cannot be known now. */
export type OpsEvent =
  | { type: 'snapshot'; snapshot: OpsSnapshot }
  | { type: 'unavailable'; code: string; message: string };
