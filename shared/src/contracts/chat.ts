import { z } from 'zod';
import { collectionNameSchema, metadataFilterSchema } from './knowledge.ts';
import { sourceSchema, usageSchema } from './events.ts';

/** Longest `messages` content that a request may carry in all, in characters. */
const MAX_CONTENT = 400_000;

export const chatMessageSchema = z.object({
  role: z.enum(['system', 'user', 'assistant']),
  content: z.string().max(MAX_CONTENT),
});
export type ChatMessage = z.infer<typeof chatMessageSchema>;

/** Retrieval over the tenant's documents: off, on with defaults, or on with options. */
export const knowledgeSchema = z.union([
  z.boolean(),
  z.strictObject({
    documents: z
      .array(z.string())
      .min(1)
      .max(100)
      .optional()
      .meta({ description: 'Only these document ids' }),
    collections: z
      .array(collectionNameSchema)
      .min(1)
      .max(20)
      .optional()
      .meta({ description: 'Only documents of these collections' }),
    metadata: metadataFilterSchema
      .optional()
      .meta({ description: 'Only documents that fit: every key, by any of its values' }),
    top_k: z.int().min(1).max(50).optional().meta({ description: 'Most sources to give to the model' }),
    min_score: z
      .number()
      .min(0)
      .max(1)
      .optional()
      .meta({ description: 'Least cosine similarity of a source to the question' }),
  }),
]);

/** Body of `POST /api/chat`. */
export const chatRequestSchema = z.object({
  messages: z
    .array(chatMessageSchema)
    .min(1)
    .max(500)
    .refine((messages) => messages.some((m) => m.role === 'user' && m.content.trim() !== ''), {
      error: 'at least one message must have the role "user" and some content',
    })
    .refine((messages) => messages.reduce((sum, m) => sum + m.content.length, 0) <= MAX_CONTENT, {
      error: `all messages together may have at most ${MAX_CONTENT} characters`,
    }),
  model: z.string().min(1).max(200).optional().meta({ description: 'Default: CHAT_MODEL' }),
  temperature: z.number().min(0).max(2).default(0.7),
  max_tokens: z.int().min(1).max(4096).default(2000),
  stream: z.boolean().default(false),
  knowledge: knowledgeSchema.default(false),
  user: z.string().min(1).max(128).optional().meta({
    description: 'Who asks, for fair sharing of the queue; the address of the caller without it',
  }),
  priority: z.enum(['interactive', 'background']).default('interactive').meta({
    description: 'Background chats wait in a queue of their own and never delay interactive ones',
  }),
});
export type ChatRequest = z.infer<typeof chatRequestSchema>;

/** `data` of `GET /api/models`. */
export const modelsSchema = z.object({
  default: z.string().meta({ description: 'The one that answers when a request names none' }),
  models: z.array(z.string()).meta({ description: 'Names to choose from, the default first' }),
});
export type Models = z.infer<typeof modelsSchema>;

/** `data` of a finished `POST /api/chat` without `stream`. */
export const chatAnswerSchema = z.object({
  id: z.string(),
  content: z.string(),
  finish_reason: z.string(),
  usage: usageSchema.optional(),
  sources: z.array(sourceSchema).optional(),
});

/** `data` of `GET /api/chat/:id`. */
export const chatStateSchema = z.object({
  id: z.string(),
  status: z.enum(['queued', 'running', 'done', 'failed', 'cancelled']),
  content: z.string(),
  finish_reason: z.string().optional(),
  usage: usageSchema.optional(),
  sources: z.array(sourceSchema).optional(),
  error: z
    .object({
      code: z.string(),
      message: z.string(),
      retry_after: z.int().optional().meta({ description: 'Seconds after which another try makes sense' }),
    })
    .optional(),
});
