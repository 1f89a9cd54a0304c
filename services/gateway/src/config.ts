import { z } from 'zod';
import {
  commonSettings,
  evenIfOthersAreWrong,
  integer,
  modelSettings,
  parseSettings,
  settingsSchema,
  vectorStoreSettings,
} from '@sluice/shared/config';

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/;

const schema = settingsSchema({
  ...commonSettings,
  ...modelSettings,
  ...vectorStoreSettings,
  HOST: z.string().default('127.0.0.1'),
  PORT: integer(0, 65_535).default(8000),
  /** The bearer key that every route but health asks for. */
  SLUICE_API_KEY: z.string().min(8, { error: 'must have at least 8 characters' }).optional(),
  AUTH: z.enum(['on', 'off'], { error: 'must be on or off' }).default('on'),
  CORS_ORIGINS: z
    .string()
    .default('http://localhost:5173,http://localhost:3000')
    .transform((list) =>
      list
        .split(',')
        .map((origin) => origin.trim().replace(/\/$/, ''))
        .filter(Boolean),
    )
    .refine((origins) => origins.every((origin) => origin === '*' || URL.canParse(origin)), {
      error: 'must be a comma-separated list of origins such as http://localhost:3000, or *',
    }),
  /** Most jobs that may wait, by class of work; and the share of each, in percent, that one tenant may take. */
  CHAT_BACKLOG_LIMIT: integer(1, 10_000_000).default(1_000),
  BACKGROUND_BACKLOG_LIMIT: integer(1, 10_000_000).default(10_000),
  INGEST_BACKLOG_LIMIT: integer(1, 10_000_000).default(200_000),
  TENANT_BACKLOG_PERCENT: integer(1, 100).default(100),
  /** Seconds that an `Idempotency-Key` is remembered. */
  IDEMPOTENCY_TTL_SECONDS: integer(60, 30 * 86_400).default(86_400),
  /** Seconds that a job may wait while there is no worker for it at all. */
  NO_WORKER_TIMEOUT_SECONDS: integer(5, 86_400).default(60),
  UPLOAD_MAX_BYTES: integer(1, 1024 ** 3).default(10 * 1024 ** 2),
}).refine(
  (value) => LOOPBACK.test(value.HOST) || value.SLUICE_API_KEY !== undefined || value.AUTH === 'off',
  {
    ...evenIfOthersAreWrong,
    path: ['HOST'],
    error:
      'can be reached from other machines, and no SLUICE_API_KEY is set; set one, or AUTH=off if something in front checks who calls',
  },
);

export type GatewayConfig = z.output<typeof schema>;

/** Reads the environment. Throws a `ConfigError` that lists every problem. */
export function loadConfig(): GatewayConfig {
  return parseSettings(schema, process.env);
}
