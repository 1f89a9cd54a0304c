import { z } from 'zod';
import { parseRedisUrl } from './redis/url.ts';
import { DEFAULT_FAILURE_POLICY as POLICY, fallbacksSchema } from './model/settings.ts';

/** Exit code for bad configuration (EX_CONFIG of sysexits.h): restarting cannot help. */
export const EXIT_CONFIG = 78;

/** Every problem of a configuration in one message, one line each. */
export class ConfigError extends Error {
  constructor(problems: readonly string[]) {
    super(
      `The configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${problems.map((p) => `  - ${p}`).join('\n')}`,
    );
    this.name = 'ConfigError';
  }
}

const httpUrl = (example: string) =>
  z.url({ protocol: /^https?$/, error: `must be a URL such as ${example}` });

/** A server, a cluster or a master behind sentinels; see `parseRedisUrl`. */
const redisUrl = z.string().superRefine((value, context) => {
  try {
    parseRedisUrl(value);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
  }
});

/** A whole number within bounds. */
export function integer(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.coerce.number({ error }).refine((n) => Number.isInteger(n) && n >= min && n <= max, { error });
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** Variables that every service reads. */
export const commonSettings = {
  REDIS_URL: redisUrl.default('redis://127.0.0.1:6379'),
  DATA_DIR: z.string().default('./data'),
  LOG_LEVEL: z.enum(LEVELS, { error: `must be one of ${LEVELS.join(', ')}` }).default('info'),
  /** Milliseconds that running work may take to finish after the first signal. */
  DRAIN_TIMEOUT_MS: integer(0, 3_600_000).default(25_000),
  /** Parts that each queue is split into, the same for every process; see docs/operations/redis.md. */
  QUEUE_SHARDS: integer(1, 64).default(1),
  /** Seconds that an event log is kept after its end. */
  LOG_RETENTION_SECONDS: integer(10, 30 * 86_400).default(3_600),
};

/** Variables of the processes that talk to the model: all of them, since the gateway embeds search queries. */
export const modelSettings = {
  OPENAI_API_KEY: z.string().optional(),
  OPENAI_BASE_URL: httpUrl('https://api.openai.com/v1').optional(),
  CHAT_MODEL: z.string().default('gpt-4o-mini'),
  EMBEDDING_MODEL: z.string().default('text-embedding-3-small'),
  EMBEDDING_DIMENSIONS: integer(1, 16_384).default(1_536),
  /** Where embeddings come from when not from `OPENAI_BASE_URL`, whose key is not sent there. */
  EMBEDDING_BASE_URL: httpUrl('http://127.0.0.1:11434/v1').optional(),
  EMBEDDING_API_KEY: z.string().optional(),
  CHAT_FALLBACKS: fallbacksSchema.default([...POLICY.fallbacks]),
  MODEL_TRIES: integer(1, 10).default(POLICY.tries),
  MODEL_RETRY_AFTER_MAX_MS: integer(0, 600_000).default(POLICY.maxRetryAfterMs),
  MODEL_CONNECT_TIMEOUT_MS: integer(1, 600_000).default(POLICY.connectTimeoutMs),
  MODEL_FIRST_TOKEN_TIMEOUT_MS: integer(1, 3_600_000).default(POLICY.firstTokenTimeoutMs),
  MODEL_TOKEN_TIMEOUT_MS: integer(1, 3_600_000).default(POLICY.tokenTimeoutMs),
  MODEL_BREAKER_FAILURES: integer(1, 1_000).default(POLICY.breakerFailures),
  MODEL_BREAKER_RESET_MS: integer(1, 3_600_000).default(POLICY.breakerResetMs),
};

/** Variables that choose and reach the vector store; without `QDRANT_URL` it is SQLite under `DATA_DIR`. */
export const vectorStoreSettings = {
  QDRANT_URL: httpUrl('http://127.0.0.1:6333').optional(),
  QDRANT_API_KEY: z.string().optional(),
};

/** Variables of the processes that retrieve: where passages are reranked, when they are. */
export const rerankSettings = {
  /** The whole address, such as `https://api.jina.ai/v1/rerank`. */
  RERANK_URL: httpUrl('https://api.jina.ai/v1/rerank').optional(),
  RERANK_MODEL: z.string().optional(),
  RERANK_API_KEY: z.string().optional(),
  /** Milliseconds until the order before is gone on with. */
  RERANK_TIMEOUT_MS: integer(1, 60_000).default(3_000),
};

/** Variables of the S3-compatible bucket that files are kept in; without `S3_BUCKET` it is a folder of `DATA_DIR`. */
export const blobStoreSettings = {
  S3_BUCKET: z.string().optional(),
  S3_ENDPOINT: httpUrl('http://127.0.0.1:9000').optional(),
  S3_REGION: z.string().optional(),
  S3_ACCESS_KEY_ID: z.string().optional(),
  S3_SECRET_ACCESS_KEY: z.string().optional(),
  /** Whether the bucket is named in the path; by default where `S3_ENDPOINT` is set. */
  S3_FORCE_PATH_STYLE: z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .transform((value) => value === 'true')
    .optional(),
};

/** Where a worker reports its health. */
export const healthSettings = (defaultPort: number) => ({
  HEALTH_HOST: z.string().default('127.0.0.1'),
  HEALTH_PORT: integer(0, 65_535).default(defaultPort),
});

/** Lets a check that compares variables run although another variable is wrong, so that all problems show at once. */
export const evenIfOthersAreWrong = { when: () => true };

/**
 * A schema over `settings` which also requires a way to reach a model.
 */
export function settingsSchema<S extends z.ZodRawShape & typeof modelSettings>(settings: S) {
  return z
    .object(settings)
    .refine(hasModel, {
      ...evenIfOthersAreWrong,
      path: ['OPENAI_API_KEY'],
      error:
        'set it, or OPENAI_BASE_URL for another OpenAI-compatible server (npm start runs an offline model when neither is set)',
    })
    .refine(namesBucket, {
      ...evenIfOthersAreWrong,
      path: ['S3_BUCKET'],
      error:
        'must be set where S3_ENDPOINT or S3_ACCESS_KEY_ID is, else files would be kept on the local disk',
    })
    .refine(hasWholeKey, {
      ...evenIfOthersAreWrong,
      path: ['S3_SECRET_ACCESS_KEY'],
      error:
        "S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY must be set together, or neither (then the machine's role is used)",
    });
}

function namesBucket(value: object): boolean {
  const { S3_BUCKET, S3_ENDPOINT, S3_ACCESS_KEY_ID } = value as Record<string, unknown>;
  return S3_BUCKET !== undefined || (S3_ENDPOINT === undefined && S3_ACCESS_KEY_ID === undefined);
}

function hasWholeKey(value: object): boolean {
  const { S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY } = value as Record<string, unknown>;
  return (S3_ACCESS_KEY_ID === undefined) === (S3_SECRET_ACCESS_KEY === undefined);
}

function hasModel(value: object): boolean {
  const { OPENAI_API_KEY, OPENAI_BASE_URL } = value as Record<string, unknown>;
  return OPENAI_API_KEY !== undefined || OPENAI_BASE_URL !== undefined;
}

/**
 * Parses environment variables. An empty variable counts as unset, which is what `VAR=` in a compose file means.
 *
 * @throws {ConfigError} listing every problem at once
 */
export function parseSettings<S extends z.ZodType>(
  schema: S,
  env: Record<string, string | undefined>,
): z.output<S> {
  const present = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== ''),
  );
  const parsed = schema.safeParse(present);
  if (parsed.success) return parsed.data;
  throw new ConfigError(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
}
