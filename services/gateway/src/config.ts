import { isIP } from 'node:net';
import { z } from 'zod';
import {
  blobStoreSettings,
  commonSettings,
  evenIfOthersAreWrong,
  integer,
  modelSettings,
  parseSettings,
  rerankSettings,
  settingsSchema,
  vectorStoreSettings,
} from '@sluice/shared/config';
import { listKeys, scopedKeysSchema } from './api-keys.ts';

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/;

/** What Express knows by name. */
const PROXY_NAMES = ['loopback', 'linklocal', 'uniquelocal'];

const splitList = (list: string) =>
  list
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean);

function isProxy(item: string): boolean {
  const [address = '', bits, ...rest] = item.split('/');
  const most = isIP(address) === 6 ? 128 : 32;
  const isMask = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= most);
  return PROXY_NAMES.includes(item) || (isIP(address) !== 0 && isMask && rest.length === 0);
}

const schema = settingsSchema({
  ...commonSettings,
  ...modelSettings,
  ...vectorStoreSettings,
  ...blobStoreSettings,
  ...rerankSettings,
  HOST: z.string().default('127.0.0.1'),
  PORT: integer(0, 65_535).default(8000),
  /** The bearer key that may do everything. With any key at all, every route but health asks for one. */
  SLUICE_API_KEY: z.string().min(8, { error: 'must have at least 8 characters' }).optional(),
  /** Further keys, each with what it may do. */
  SLUICE_SCOPED_KEYS: scopedKeysSchema.optional(),
  AUTH: z.enum(['on', 'off'], { error: 'must be on or off' }).default('on'),
  CORS_ORIGINS: z
    .string()
    .default('http://localhost:5173,http://localhost:3000')
    .transform((list) => splitList(list).map((origin) => origin.replace(/\/$/, '')))
    .refine((origins) => origins.every((origin) => origin === '*' || URL.canParse(origin)), {
      error: 'must be a comma-separated list of origins such as http://localhost:3000, or *',
    }),
  /** Reverse proxies whose `X-Forwarded-For` is believed. */
  TRUST_PROXY: z
    .string()
    .default('loopback')
    .transform(splitList)
    .refine((proxies) => proxies.every(isProxy), {
      error: `must be a comma-separated list of addresses, subnets such as 10.0.0.0/8, and ${PROXY_NAMES.join(', ')}`,
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
  /** Files of one request that adds to a batch, and seconds that it may take. */
  UPLOAD_MAX_FILES: integer(1, 100_000).default(1_000),
  UPLOAD_TIMEOUT_SECONDS: integer(1, 86_400).default(3_600),
  /** Of a zip archive: bytes as it is sent, bytes that it unpacks to, and entries. */
  ARCHIVE_MAX_BYTES: integer(1, 100 * 1024 ** 3).default(512 * 1024 ** 2),
  ARCHIVE_MAX_UNPACKED_BYTES: integer(1, 1024 ** 4).default(4 * 1024 ** 3),
  ARCHIVE_MAX_ENTRIES: integer(1, 1_000_000).default(10_000),
  /** Documents of one batch that are in the ingest queue at a time. */
  BATCH_WINDOW: integer(1, 100_000).default(1_000),
  /** Seconds that a batch is kept after its end. */
  BATCH_RETENTION_SECONDS: integer(60, 365 * 86_400).default(7 * 86_400),
})
  .refine((value) => LOOPBACK.test(value.HOST) || listKeys(value).length > 0 || value.AUTH === 'off', {
    ...evenIfOthersAreWrong,
    path: ['HOST'],
    error:
      'can be reached from other machines, and no SLUICE_API_KEY is set; set one, or AUTH=off if something in front checks who calls',
  })
  .refine(
    ({ SLUICE_API_KEY, SLUICE_SCOPED_KEYS }) =>
      !SLUICE_SCOPED_KEYS?.some(({ key }) => key === SLUICE_API_KEY),
    {
      path: ['SLUICE_SCOPED_KEYS'],
      error: 'has the key that SLUICE_API_KEY is, which may do everything; give one of them another key',
    },
  );

export type GatewayConfig = z.output<typeof schema>;

/** Reads the environment. Throws a `ConfigError` that lists every problem. */
export function loadConfig(): GatewayConfig {
  return parseSettings(schema, process.env);
}
