import { z } from 'zod';

/** What a key may be for; `admin` includes all others. */
export const SCOPES = ['chat', 'knowledge', 'ops', 'admin'] as const;

export const scopeSchema = z.enum(SCOPES);
export type Scope = z.infer<typeof scopeSchema>;

/** `data` of `POST /api/ops/session`. */
export const opsSessionSchema = z.object({
  scopes: z.array(scopeSchema).meta({ description: 'What the caller may do' }),
  expires_at: z.iso
    .datetime()
    .optional()
    .meta({ description: 'Until when the cookie opens `/ops/queues`; absent where no key is asked for' }),
});

export const serviceNameSchema = z.enum(['gateway', 'chat-worker', 'ingest-worker']);
export type ServiceName = z.infer<typeof serviceNameSchema>;

const count = z.int().nonnegative();
const rate = z.number().nonnegative();

/** Something that failed lately. */
export const recentErrorSchema = z.object({
  id: z.string(),
  at: z.iso.datetime(),
  source: z
    .enum(['request', 'chat', 'document'])
    .meta({ description: 'A request that was answered with 5xx, a chat or a document that ended as failed' }),
  code: z.string(),
  message: z.string().meta({ description: 'What the client was told' }),
  tenant: z.string().optional(),
  request_id: z.string().optional(),
  job_id: z.string().optional(),
  omitted: count
    .optional()
    .meta({ description: 'Failures of the same process before it that were too many to note' }),
});
export type RecentError = z.infer<typeof recentErrorSchema>;

/** Something that is to be known about a queue. */
export const findingSchema = z.object({
  queue: z.string(),
  kind: z.enum(['starvation', 'stall', 'notice']).meta({
    description:
      'Starvation: jobs wait for want of workers. Stall: workers are there, or were, and jobs do not move. Notice: nothing is wrong',
  }),
  code: z.enum(['no_workers', 'no_free_slots', 'lost_worker', 'not_draining', 'backlog', 'retrying']),
  jobs: count,
  seconds: z
    .number()
    .nonnegative()
    .optional()
    .meta({ description: 'How long the oldest of them has waited' }),
  workers: count,
  slots: count,
  message: z.string(),
});
export type Finding = z.infer<typeof findingSchema>;

/** A queue as it is now. */
export const opsQueueSchema = z.object({
  name: z.string(),
  jobs: z.object({ waiting: count, active: count, delayed: count, failed: count }),
  lost: count.meta({ description: 'Active jobs that no worker holds any more' }),
  oldest_wait_seconds: z.number().nonnegative(),
  taken_per_second: rate.meta({ description: 'Jobs that workers took, over ten seconds' }),
  workers: count,
  running: count,
  slots: count,
});
export type OpsQueue = z.infer<typeof opsQueueSchema>;

/** A process as it last told of itself. */
export const opsProcessSchema = z.object({
  id: z.string(),
  service: serviceNameSchema,
  state: z.enum(['alive', 'draining', 'lost']),
  version: z.string(),
  host: z.string(),
  pid: z.int(),
  started_at: z.iso.datetime(),
  heartbeat_age_seconds: z.number().nonnegative(),
  lag_ms: z
    .number()
    .nonnegative()
    .meta({ description: 'The longest that its event loop was held up lately' }),
  memory_bytes: z.number().nonnegative(),
  running: count.meta({ description: 'Jobs that it works on' }),
  slots: count,
  streams: count.meta({ description: 'Event streams that it has open' }),
});
export type OpsProcess = z.infer<typeof opsProcessSchema>;

const usageSchema = z.object({
  chats: count,
  chats_failed: count,
  tokens: count.meta({ description: 'Generated, estimated from the text' }),
  documents: count.meta({ description: 'Ingested, or failed' }),
  documents_failed: count,
  chunks: count,
});

/** A document that could not be ingested. */
export const failedDocumentSchema = z.object({
  id: z.string(),
  tenant: z.string(),
  version: count,
  filename: z.string().optional().meta({ description: 'Shown to the scope admin alone' }),
  collection: z.string(),
  type: z.string(),
  bytes: count,
  code: z.string(),
  message: z.string(),
  failed_at: z.iso.datetime(),
});
export type FailedDocument = z.infer<typeof failedDocumentSchema>;

/** `data` of `GET /api/ops/snapshot`, and of each event of `GET /api/ops/events`. */
export const opsSnapshotSchema = z.object({
  at: z.iso.datetime(),
  findings: z.array(findingSchema).meta({ description: 'Worst first; none when all is well' }),
  queues: z.array(opsQueueSchema),
  processes: z.object({
    alive: count,
    draining: count,
    lost: count,
    list: z.array(opsProcessSchema).meta({ description: 'At most 200, those that were lost first' }),
  }),
  streams: z.record(z.string(), count).meta({ description: 'Open event streams by kind' }),
  chat: z.object({
    first_token: z.object({
      count: count.meta({ description: 'Chats whose first token came in the last ten seconds' }),
      p50_ms: z.number().optional(),
      p95_ms: z.number().optional(),
    }),
    tokens_per_second: rate,
    tokens_delivered_per_second: rate,
    ended: z
      .object({ done: count, failed: count, cancelled: count })
      .meta({ description: 'In the last ten seconds' }),
  }),
  ingest: z.object({
    documents: z.record(z.string(), count).meta({ description: 'By status' }),
    documents_per_second: rate,
    chunks_per_second: rate,
    failures: z.array(z.object({ code: z.string(), documents: count })),
    failed: z.array(failedDocumentSchema).meta({ description: 'The latest 50' }),
  }),
  tenants: z.array(z.object({ tenant: z.string(), today: usageSchema, total: usageSchema })),
  batches: z.array(
    z.object({
      id: z.string(),
      name: z.string().optional().meta({ description: 'Shown to the scope admin alone' }),
      state: z.string(),
      items: count,
      done: count,
      failed: count,
      estimated_seconds: count.optional(),
      created_at: z.iso.datetime(),
    }),
  ),
  errors: z.array(recentErrorSchema).meta({ description: 'The latest 50, newest first' }),
});
export type OpsSnapshot = z.infer<typeof opsSnapshotSchema>;
