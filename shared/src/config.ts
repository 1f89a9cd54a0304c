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

/** A whole number within bounds, which docs/configuration.md shows. */
export function integer(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.coerce
    .number({ error })
    .refine((n) => Number.isInteger(n) && n >= min && n <= max, { error })
    .meta({ type: 'integer', minimum: min, maximum: max });
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

// docs/configuration.md and .env.example are written from these schemas (`npm run docs:config`). What a variable's `.meta`
// may say besides its `description`: `secret`; `kind`, what its text must look like; `unset`, what holds without it when it
// has no default; `npmStart`, what `npm start` does instead of the default.

const SAMPLERS = [
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
  'always_on',
  'always_off',
  'traceidratio',
] as const;

const PAIRS = 'must look like name=value,name=value';

/** Standard variables of OpenTelemetry, by their own names. */
export const telemetrySettings = {
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl('http://127.0.0.1:4318').optional().meta({
    description: 'Base URL of the collector that traces are sent to.',
    unset: 'none; nothing is traced',
  }),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: httpUrl('http://127.0.0.1:4318/v1/traces').optional().meta({
    description: 'The whole address, in place of it.',
    unset: '`OTEL_EXPORTER_OTLP_ENDPOINT` with `/v1/traces`',
  }),
  OTEL_EXPORTER_OTLP_PROTOCOL: z
    .enum(['http/protobuf'], { error: 'must be http/protobuf, the only protocol that is spoken' })
    .default('http/protobuf')
    .describe('How the collector is spoken to.'),
  OTEL_EXPORTER_OTLP_HEADERS: z
    .string()
    .regex(/^[^=,]+=[^,]*(,[^=,]+=[^,]*)*$/, { error: PAIRS })
    .optional()
    .meta({
      description: 'Headers for the collector, such as `authorization=Bearer%20…`.',
      kind: 'name=value,…',
      secret: true,
    }),
  OTEL_SDK_DISABLED: z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .transform((value) => value === 'true')
    .optional()
    .meta({ description: '`true` traces nothing, whatever else is set.', unset: '`false`' }),
  OTEL_SERVICE_NAME: z.string().optional().meta({
    description:
      'Name of the service in its traces. Set here it is that of all services, so it is better left alone.',
    unset: '`sluice-gateway`, `sluice-chat-worker`, `sluice-ingest-worker`',
  }),
  OTEL_RESOURCE_ATTRIBUTES: z
    .string()
    .regex(/^[^=,]+=[^=,]*(,[^=,]+=[^=,]*)*$/, { error: PAIRS })
    .optional()
    .meta({
      description:
        'What else traces say of where they come from, such as `deployment.environment.name=production`.',
      kind: 'name=value,…',
    }),
  OTEL_TRACES_SAMPLER: z
    .enum(SAMPLERS, { error: `must be one of ${SAMPLERS.join(', ')}` })
    .default('parentbased_always_on')
    .describe('Which requests are traced.'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number({ error: 'must be a number from 0 to 1' })
    .min(0, { error: 'must be a number from 0 to 1' })
    .max(1, { error: 'must be a number from 0 to 1' })
    .default(1)
    .describe('Share of them, for a sampler of the kind `traceidratio`.'),
  OTEL_BSP_SCHEDULE_DELAY: integer(1, 600_000)
    .default(5_000)
    .describe('Milliseconds between two requests to the collector.'),
  OTEL_BSP_EXPORT_TIMEOUT: integer(1, 600_000).default(30_000).describe('Milliseconds that one may take.'),
  OTEL_BSP_MAX_QUEUE_SIZE: integer(1, 1_000_000)
    .default(2_048)
    .describe('Spans that wait to be sent; what comes beyond them is lost.'),
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: integer(1, 1_000_000)
    .default(512)
    .describe('Spans of one request, at most `OTEL_BSP_MAX_QUEUE_SIZE`.'),
};

/** Variables that every service reads. */
export const commonSettings = {
  ...telemetrySettings,
  REDIS_URL: redisUrl.default('redis://127.0.0.1:6379').meta({
    description:
      'Redis 6.0 or newer, or Valkey: a server, `redis+sentinel://h1:26379,h2:26379/master-name` or `redis+cluster://h1:7000,h2:7001`; see docs/operations/redis.md.',
    kind: 'Redis URL',
    secret: true,
    npmStart: 'a Redis of its own',
  }),
  DATA_DIR: z.string().default('./data').meta({
    description: "Folder of uploads, files and the SQLite stores, and of Redis's files under `npm start`.",
    kind: 'path',
  }),
  LOG_LEVEL: z
    .enum(LEVELS, { error: `must be one of ${LEVELS.join(', ')}` })
    .default('info')
    .describe('The least that is logged.'),
  DRAIN_TIMEOUT_MS: integer(0, 3_600_000)
    .default(25_000)
    .describe('Milliseconds that running work may take to finish after the first SIGTERM or SIGINT.'),
  QUEUE_SHARDS: integer(1, 64)
    .default(1)
    .describe(
      'Parts that each queue is split into on a Redis Cluster, the same for every process; see docs/operations/redis.md.',
    ),
};

/** Variables of the processes that talk to the model: all of them, since the gateway embeds search queries. */
export const modelSettings = {
  OPENAI_API_KEY: z.string().optional().meta({
    description: "Key of the model's API. This or `OPENAI_BASE_URL` must be set.",
    secret: true,
    npmStart: 'an offline stand-in when neither is set',
  }),
  OPENAI_BASE_URL: httpUrl('https://api.openai.com/v1').optional().meta({
    description: "Base URL of the model's API, for example `http://127.0.0.1:11434/v1` for Ollama.",
    unset: "OpenAI's own",
    npmStart: 'an offline stand-in when neither is set',
  }),
  CHAT_MODEL: z.string().default('gpt-4o-mini').meta({
    description: 'Model that answers when a request names none.',
    npmStart: '`offline-chat` with the stand-in',
  }),
  EMBEDDING_MODEL: z.string().default('text-embedding-3-small').meta({
    description: 'Model that embeds documents and questions. What a change of it does: docs/documents.md.',
    npmStart: '`offline-embedding` with the stand-in',
  }),
  EMBEDDING_DIMENSIONS: integer(1, 16_384).default(1_536).meta({
    description: 'Length of its vectors.',
    npmStart: '384 with the stand-in',
  }),
  EMBEDDING_BASE_URL: httpUrl('http://127.0.0.1:11434/v1').optional().meta({
    description:
      'Base URL of the API that embeds, when it is another one, as for DeepSeek, which has no embeddings.',
    unset: '`OPENAI_BASE_URL`',
  }),
  EMBEDDING_API_KEY: z.string().optional().meta({
    description: 'Key of `EMBEDDING_BASE_URL`; `OPENAI_API_KEY` is not sent there.',
    secret: true,
  }),
  CHAT_FALLBACKS: fallbacksSchema.default([...POLICY.fallbacks]).meta({
    description:
      'Models that are asked, in this order, when the one before fails before its first token: `[{"model":"qwen-plus","base_url":"https://…/v1","api_key":"sk-…"}]`; see docs/operations/models.md.',
    kind: 'JSON array',
    secret: true,
  }),
  MODEL_TRIES: integer(1, 10)
    .default(POLICY.tries)
    .describe('Requests to one model before the next one is asked, the first included.'),
  MODEL_RETRY_AFTER_MAX_MS: integer(0, 600_000)
    .default(POLICY.maxRetryAfterMs)
    .describe("Longest `Retry-After` of a model's that is waited for, in milliseconds."),
  MODEL_CONNECT_TIMEOUT_MS: integer(1, 600_000)
    .default(POLICY.connectTimeoutMs)
    .describe('Milliseconds until a connection to the model is there.'),
  MODEL_FIRST_TOKEN_TIMEOUT_MS: integer(1, 3_600_000)
    .default(POLICY.firstTokenTimeoutMs)
    .describe('Milliseconds from a request to its first token, or to the whole answer when embedding.'),
  MODEL_TOKEN_TIMEOUT_MS: integer(1, 3_600_000)
    .default(POLICY.tokenTimeoutMs)
    .describe('Milliseconds between two tokens of an answer, reasoning included.'),
  MODEL_BREAKER_FAILURES: integer(1, 1_000)
    .default(POLICY.breakerFailures)
    .describe('Failures in a row after which a process does not ask a model any more.'),
  MODEL_BREAKER_RESET_MS: integer(1, 3_600_000)
    .default(POLICY.breakerResetMs)
    .describe('Milliseconds until one request may find out whether it works again.'),
};

/** Variables that choose and reach the vector store; without `QDRANT_URL` it is SQLite under `DATA_DIR`. */
export const vectorStoreSettings = {
  QDRANT_URL: httpUrl('http://127.0.0.1:6333').optional().meta({
    description: 'Qdrant 1.19 or newer as the vector store; see docs/operations/storage.md.',
    unset: 'none; SQLite under `DATA_DIR`',
  }),
  QDRANT_API_KEY: z.string().optional().meta({ description: 'Its key.', secret: true }),
};

/** Variables of the processes that retrieve: where passages are reranked, when they are. */
export const rerankSettings = {
  RERANK_URL: httpUrl('https://api.jina.ai/v1/rerank').optional().meta({
    description:
      'Endpoint that puts the passages found in order (Jina, Cohere, vLLM, DashScope): the whole address, for example `https://api.jina.ai/v1/rerank`.',
    unset: 'none; the order of the search stays',
  }),
  RERANK_MODEL: z.string().optional().meta({
    description: 'Model that is named to it.',
    unset: 'none is named',
  }),
  RERANK_API_KEY: z.string().optional().meta({ description: 'Its key.', secret: true }),
  RERANK_TIMEOUT_MS: integer(1, 60_000)
    .default(3_000)
    .describe('Milliseconds after which the order before stays, as it does when the endpoint fails.'),
};

/** Variables of the S3-compatible bucket that files are kept in; without `S3_BUCKET` it is a folder of `DATA_DIR`. */
export const blobStoreSettings = {
  S3_BUCKET: z.string().optional().meta({
    description:
      'Bucket of S3-compatible storage that files are kept in, which must exist; see docs/operations/storage.md.',
    unset: 'none; files are kept under `DATA_DIR`',
  }),
  S3_ENDPOINT: httpUrl('http://127.0.0.1:9000').optional().meta({
    description: 'URL of a provider other than AWS.',
    unset: 'AWS',
  }),
  S3_REGION: z.string().optional().meta({ description: 'Its region.', unset: '`us-east-1`' }),
  S3_ACCESS_KEY_ID: z.string().optional().meta({
    description: 'Its key; set both parts or neither.',
    unset: "the machine's role, or what else the AWS SDK finds",
  }),
  S3_SECRET_ACCESS_KEY: z.string().optional().meta({
    description: 'The secret part of the key.',
    secret: true,
  }),
  S3_FORCE_PATH_STYLE: z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .transform((value) => value === 'true')
    .optional()
    .meta({
      description: 'Whether the bucket is in the path of a URL rather than in its host name.',
      unset: '`true` with `S3_ENDPOINT`, else `false`',
    }),
};

/** Where a worker reports its health. */
export const healthSettings = (defaultPort: number) => ({
  HEALTH_HOST: z.string().default('127.0.0.1').describe("Address of a worker's health page."),
  HEALTH_PORT: integer(0, 65_535).default(defaultPort).meta({
    description: "Port of a worker's health page; 0 is any free one.",
    npmStart: 'free ones',
  }),
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
