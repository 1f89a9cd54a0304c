import { z } from 'zod';
import { jobIdSchema, tenantSchema } from '../redis/keys.ts';
import { chatMessageSchema, knowledgeSchema } from './chat.ts';
import { chunkingSchema, collectionNameSchema, documentTypeSchema } from './knowledge.ts';

const common = {
  tenant: tenantSchema,
  /** Also the id of the job's event log. */
  id: jobIdSchema,
  /** Of the request that caused the job; every log line of the job carries it. */
  request_id: z.string(),
  /** Whose turn the job takes, among the callers of its tenant. */
  caller: z.string().max(200),
};

const chatJob = z.object({
  ...common,
  messages: z.array(chatMessageSchema).min(1),
  model: z.string(),
  temperature: z.number(),
  max_tokens: z.int().positive(),
  knowledge: knowledgeSchema,
});

/** The job catalog: queue name -> schema of its data, checked when a job is added and again when it is taken. */
export const jobSchemas = {
  chat: chatJob,
  'chat-background': chatJob,
  ingest: z.object({
    ...common,
    document_id: jobIdSchema,
    version: z.int().positive(),
    filename: z.string(),
    collection: collectionNameSchema,
    /** Of the document's metadata; see `metadata.ts`. */
    labels: z.array(z.string()),
    /** Absent: as the worker is configured. */
    chunking: chunkingSchema.optional(),
    /** The file of a batch that the document is. */
    batch: z.object({ id: jobIdSchema, item: z.string() }).optional(),
    type: documentTypeSchema,
    blob_key: z.string(),
    /** Milliseconds that the log is kept after its end, where the worker has to create it. */
    retention_ms: z.int().positive(),
  }),
};

/** Id of the job, and of the event log, that ingests one version of a document. */
export function ingestJobId(document: { id: string; version: number }): string {
  return `${document.id}_v${document.version}`;
}

/** The document and version that a job ingests. */
export function ingestedBy(jobId: string): { documentId: string; version: number } {
  const at = jobId.lastIndexOf('_v');
  return { documentId: jobId.slice(0, at), version: Number(jobId.slice(at + 2)) };
}

/** Names of the queues. */
export type JobName = keyof typeof jobSchemas;
/** The queues of chats: those that a person waits for, and those that may take their time. */
export type ChatQueueName = Exclude<JobName, 'ingest'>;
/** The data of a job of one queue. */
export type JobData<N extends JobName> = z.output<(typeof jobSchemas)[N]>;
