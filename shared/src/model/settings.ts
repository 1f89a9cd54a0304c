import { z } from 'zod';

/** A model that is asked when the one before it fails. Without `base_url` it is on the main provider, with its key. */
export interface ModelFallback {
  model: string;
  base_url?: string | undefined;
  /** Of `base_url`; the main provider's key is never sent to another provider. */
  api_key?: string | undefined;
}

/** How failures of models are met. */
export interface FailurePolicy {
  /** Asked in this order when the model before failed before its first token. */
  fallbacks: readonly ModelFallback[];
  /** Requests to one model before the next one is asked, the first included. */
  tries: number;
  /** Milliseconds before the second request, about; it doubles with each further one. */
  backoffMs: number;
  /** Longest Retry-After that is waited for, in milliseconds; beyond it the next model is asked. */
  maxRetryAfterMs: number;
  /** Milliseconds until a connection is there, TLS included. */
  connectTimeoutMs: number;
  /** Milliseconds from a request to its first token, or to the whole answer of an embedding request. */
  firstTokenTimeoutMs: number;
  /** Milliseconds between two tokens. */
  tokenTimeoutMs: number;
  /** Failures in a row after which a model is not asked any more. */
  breakerFailures: number;
  /** Milliseconds until one request may find out whether it works again. */
  breakerResetMs: number;
}

export const DEFAULT_FAILURE_POLICY: FailurePolicy = {
  fallbacks: [],
  tries: 3,
  backoffMs: 500,
  maxRetryAfterMs: 10_000,
  connectTimeoutMs: 10_000,
  firstTokenTimeoutMs: 120_000,
  tokenTimeoutMs: 60_000,
  breakerFailures: 5,
  breakerResetMs: 30_000,
};

const SHAPE = 'a JSON array such as [{"model":"qwen-plus","base_url":"https://…/v1","api_key":"…"}]';
const fallbackSchema: z.ZodType<ModelFallback> = z
  .strictObject(
    {
      model: z.string({ error: 'must name a model' }).min(1, { error: 'must name a model' }),
      base_url: z
        .url({ protocol: /^https?$/, error: 'must be a URL such as https://api.openai.com/v1' })
        .optional(),
      api_key: z
        .string({ error: 'must be text' })
        .min(1, { error: 'must not be empty; leave it out instead' })
        .optional(),
    },
    { error: 'must have model, may have base_url and api_key, and nothing else' },
  )
  .refine((fallback) => fallback.api_key === undefined || fallback.base_url !== undefined, {
    path: ['api_key'],
    error: 'needs a base_url: a model without one is on the main provider, with its key',
  });

/** Parses the JSON of `CHAT_FALLBACKS`. It holds keys, so no message may quote the text, as those of JSON.parse do. */
export const fallbacksSchema = z
  .string()
  .transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue({ code: 'custom', message: `is not valid JSON; it must be ${SHAPE}` });
      return z.NEVER;
    }
  })
  .pipe(z.array(fallbackSchema, { error: `must be ${SHAPE}` }));
