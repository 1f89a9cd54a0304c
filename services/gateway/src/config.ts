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

/** What a gateway reads from the environment. */
export const schema = settingsSchema({
  ...commonSettings,
  ...modelSettings,
  ...vectorStoreSettings,
  ...blobStoreSettings,
  ...rerankSettings,
  HOST: z
    .string()
    .default('127.0.0.1')
    .describe(
      'Address that the gateway listens on; anything but loopback needs `SLUICE_API_KEY` or `AUTH=off`.',
    ),
  PORT: integer(0, 65_535)
    .default(8000)
    .describe(
      'Port that the gateway listens on; `npm start` takes the ports after it for its own processes.',
    ),
  SLUICE_API_KEY: z.string().min(8, { error: 'must have at least 8 characters' }).optional().meta({
    description:
      'Bearer key that may do everything. With any key set, every route but health and the web app asks for one, `/docs` too; without one, pages of foreign origins are refused.',
    kind: 'text of at least 8 characters',
    secret: true,
  }),
  SLUICE_SCOPED_KEYS: scopedKeysSchema.optional().meta({
    description:
      'Further keys, of at least 8 characters each, and what each may do: `<key>=<scope>+<scope>`. Scopes are `chat`, `knowledge`, `ops`, and `admin`, which may do everything; see docs/security.md.',
    kind: 'list, separated by commas',
    secret: true,
  }),
  AUTH: z
    .enum(['on', 'off'], { error: 'must be on or off' })
    .default('on')
    .describe(
      '`off` lets the gateway listen beyond loopback without a key, where something in front checks who calls.',
    ),
  CHAT_MODELS: z.string().default('').transform(splitList).meta({
    description:
      'Further models of the same server that the web app offers to choose from, such as `qwen-plus,qwen-max`; a request may name any.',
    kind: 'list, separated by commas',
  }),
  CORS_ORIGINS: z
    .string()
    .default('http://localhost:5173,http://localhost:3000')
    .transform((list) => splitList(list).map((origin) => origin.replace(/\/$/, '')))
    .refine((origins) => origins.every((origin) => origin === '*' || URL.canParse(origin)), {
      error: 'must be a comma-separated list of origins such as http://localhost:3000, or *',
    })
    .meta({
      description: 'Origins whose pages may call the API from a browser, or `*`.',
      kind: 'list, separated by commas',
    }),
  TRUST_PROXY: z
    .string()
    .default('loopback')
    .transform(splitList)
    .refine((proxies) => proxies.every(isProxy), {
      error: `must be a comma-separated list of addresses, subnets such as 10.0.0.0/8, and ${PROXY_NAMES.join(', ')}`,
    })
    .meta({
      description: `Reverse proxies whose \`X-Forwarded-For\` is believed: addresses, subnets such as \`10.0.0.0/8\`, and ${PROXY_NAMES.map((name) => `\`${name}\``).join(', ')}. Callers who name no \`user\` take turns by address.`,
      kind: 'list, separated by commas',
    }),
  CHAT_BACKLOG_LIMIT: integer(1, 10_000_000)
    .default(1_000)
    .describe('Most chats that may wait for a worker; beyond it a POST gets 503 with `Retry-After`.'),
  BACKGROUND_BACKLOG_LIMIT: integer(1, 10_000_000)
    .default(10_000)
    .describe('The same for chats of the priority `background`.'),
  INGEST_BACKLOG_LIMIT: integer(1, 10_000_000).default(200_000).describe('The same for documents.'),
  TENANT_BACKLOG_PERCENT: integer(1, 100)
    .default(100)
    .describe('Percent of each of these that one tenant may take; beyond it a POST gets 429.'),
  LOG_RETENTION_SECONDS: integer(10, 30 * 86_400)
    .default(3_600)
    .describe('Seconds that an event log is kept after its end, and a stream can be resumed.'),
  IDEMPOTENCY_TTL_SECONDS: integer(60, 30 * 86_400)
    .default(86_400)
    .describe('Seconds that an `Idempotency-Key` is remembered.'),
  NO_WORKER_TIMEOUT_SECONDS: integer(5, 86_400)
    .default(60)
    .describe(
      'Seconds that a job may wait while there is no worker for it at all, and that a log which somebody follows may be silent before its job is looked for.',
    ),
  UPLOAD_MAX_BYTES: integer(1, 1024 ** 3)
    .default(10 * 1024 ** 2)
    .describe('Largest file that may be uploaded, in bytes.'),
  UPLOAD_MAX_FILES: integer(1, 100_000)
    .default(1_000)
    .describe('Most files of one request that adds to a batch.'),
  UPLOAD_TIMEOUT_SECONDS: integer(1, 86_400).default(3_600).describe('Seconds that such a request may take.'),
  ARCHIVE_MAX_BYTES: integer(1, 100 * 1024 ** 3)
    .default(512 * 1024 ** 2)
    .describe('Largest zip archive, in bytes.'),
  ARCHIVE_MAX_UNPACKED_BYTES: integer(1, 1024 ** 4)
    .default(4 * 1024 ** 3)
    .describe('Bytes that it may unpack to.'),
  ARCHIVE_MAX_ENTRIES: integer(1, 1_000_000).default(10_000).describe('Entries that it may have.'),
  BATCH_WINDOW: integer(1, 100_000)
    .default(1_000)
    .describe('Documents of one batch that are in the ingest queue at a time.'),
  BATCH_RETENTION_SECONDS: integer(60, 365 * 86_400)
    .default(7 * 86_400)
    .describe('Seconds that a batch is kept after its end.'),
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
