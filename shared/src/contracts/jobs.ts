import { z } from 'zod';
import { jobIdSchema, tenantSchema } from '../redis/keys.ts';
import { chatMessageSchema, knowledgeSchema } from './chat.ts';
import { documentTypeSchema } from './knowledge.ts';

const common = {
  tenant: tenantSchema,
  /** Also the id of the job's event log. */
  id: jobIdSchema,
  /** Of the request that caused the job; every log line of the job carries it. */
  request_id: z.string(),
};

/** The job catalog: queue name -> schema of its data, checked when a job is added and again when it is taken. */
export const jobSchemas = {
  chat: z.object({
    ...common,
    messages: z.array(chatMessageSchema).min(1),
    model: z.string(),
    temperature: z.number(),
    max_tokens: z.int().positive(),
    knowledge: knowledgeSchema,
  }),
  ingest: z.object({
    ...common,
    version: z.int().positive(),
    filename: z.string(),
    type: documentTypeSchema,
    blob_key: z.string(),
  }),
};

/** Names of the queues. */
export type JobName = keyof typeof jobSchemas;
/** The data of a job of one queue. */
export type JobData<N extends JobName> = z.output<(typeof jobSchemas)[N]>;
