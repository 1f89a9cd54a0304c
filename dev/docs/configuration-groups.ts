/** Variables that belong together, in the order of docs/configuration.md and .env.example. */
export interface Group {
  title: string;
  intro?: string;
  /** Each variable of a schema is in one group. */
  names: readonly string[];
}

export const GROUPS: readonly Group[] = [
  {
    title: 'Model',
    intro:
      'Any OpenAI-compatible server: docs/operations/models.md. With neither of the first two, `npm start` runs an offline stand-in.',
    names: [
      'OPENAI_API_KEY',
      'OPENAI_BASE_URL',
      'CHAT_MODEL',
      'CHAT_MODELS',
      'EMBEDDING_MODEL',
      'EMBEDDING_DIMENSIONS',
      'EMBEDDING_BASE_URL',
      'EMBEDDING_API_KEY',
    ],
  },
  {
    title: 'When a model fails',
    intro: 'See docs/operations/models.md.',
    names: [
      'CHAT_FALLBACKS',
      'MODEL_TRIES',
      'MODEL_RETRY_AFTER_MAX_MS',
      'MODEL_CONNECT_TIMEOUT_MS',
      'MODEL_FIRST_TOKEN_TIMEOUT_MS',
      'MODEL_TOKEN_TIMEOUT_MS',
      'MODEL_BREAKER_FAILURES',
      'MODEL_BREAKER_RESET_MS',
    ],
  },
  {
    title: 'Who may call, and where',
    names: [
      'HOST',
      'PORT',
      'SLUICE_API_KEY',
      'SLUICE_SCOPED_KEYS',
      'AUTH',
      'CORS_ORIGINS',
      'TRUST_PROXY',
      'SLUICE_URL',
    ],
  },
  {
    title: 'Where things are kept',
    names: [
      'DATA_DIR',
      'REDIS_URL',
      'QUEUE_SHARDS',
      'QDRANT_URL',
      'QDRANT_API_KEY',
      'S3_BUCKET',
      'S3_ENDPOINT',
      'S3_REGION',
      'S3_ACCESS_KEY_ID',
      'S3_SECRET_ACCESS_KEY',
      'S3_FORCE_PATH_STYLE',
    ],
  },
  {
    title: 'Answers',
    names: [
      'CHAT_CONCURRENCY',
      'BACKGROUND_CONCURRENCY',
      'CONDENSE_QUESTIONS',
      'SOURCES_TOKEN_BUDGET',
      'RERANK_URL',
      'RERANK_MODEL',
      'RERANK_API_KEY',
      'RERANK_TIMEOUT_MS',
      'TAKEOVER',
      'TAKEOVER_PROMPT',
      'CANCEL_UNWATCHED_SECONDS',
      'LOG_RETENTION_SECONDS',
    ],
  },
  {
    title: 'Uploads',
    intro: 'What is refused beyond these: docs/knowledge.md.',
    names: [
      'UPLOAD_MAX_BYTES',
      'UPLOAD_MAX_FILES',
      'UPLOAD_TIMEOUT_SECONDS',
      'ARCHIVE_MAX_BYTES',
      'ARCHIVE_MAX_UNPACKED_BYTES',
      'ARCHIVE_MAX_ENTRIES',
      'BATCH_WINDOW',
      'BATCH_RETENTION_SECONDS',
    ],
  },
  {
    title: 'Ingestion',
    names: [
      'INGEST_CONCURRENCY',
      'CHUNK_SIZE',
      'CHUNK_OVERLAP',
      'EMBEDDING_CONCURRENCY',
      'EMBEDDING_REQUESTS_PER_MINUTE',
      'EMBEDDING_TOKENS_PER_MINUTE',
      'EMBEDDING_CACHE_MB',
      'EXTRACT_TIMEOUT_MS',
      'EXTRACT_MEMORY_MB',
      'OCR_LANGUAGES',
      'OCR_MAX_PAGES',
    ],
  },
  {
    title: 'Who may wait, and for how long',
    names: [
      'CHAT_BACKLOG_LIMIT',
      'BACKGROUND_BACKLOG_LIMIT',
      'INGEST_BACKLOG_LIMIT',
      'TENANT_BACKLOG_PERCENT',
      'NO_WORKER_TIMEOUT_SECONDS',
      'IDEMPOTENCY_TTL_SECONDS',
    ],
  },
  {
    title: 'Processes and logs',
    names: ['LOG_LEVEL', 'LOG_FORMAT', 'DRAIN_TIMEOUT_MS', 'HEALTH_HOST', 'HEALTH_PORT'],
  },
  {
    title: 'Traces',
    intro:
      'Standard variables of OpenTelemetry: docs/operations/tracing.md. Nothing is traced until one of the first two is set.',
    names: [
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
      'OTEL_EXPORTER_OTLP_PROTOCOL',
      'OTEL_EXPORTER_OTLP_HEADERS',
      'OTEL_SDK_DISABLED',
      'OTEL_SERVICE_NAME',
      'OTEL_RESOURCE_ATTRIBUTES',
      'OTEL_TRACES_SAMPLER',
      'OTEL_TRACES_SAMPLER_ARG',
      'OTEL_BSP_SCHEDULE_DELAY',
      'OTEL_BSP_EXPORT_TIMEOUT',
      'OTEL_BSP_MAX_QUEUE_SIZE',
      'OTEL_BSP_MAX_EXPORT_BATCH_SIZE',
    ],
  },
  {
    title: 'The offline stand-in',
    names: ['OFFLINE_EMBEDDING_DIMENSIONS', 'OFFLINE_TOKEN_DELAY_MS'],
  },
  {
    title: 'Prometheus and Grafana',
    intro: 'Of `docker compose --profile observability up`: docs/operations/monitoring.md.',
    names: ['PROMETHEUS_PORT', 'GRAFANA_PORT', 'GRAFANA_ADMIN_PASSWORD'],
  },
];

/** Read by no service, so kept here by hand, with what the reference says of them. */
export const WITHOUT_SCHEMA = [
  {
    name: 'SLUICE_URL',
    readers: ['npm run ingest'],
    type: 'URL',
    default: 'http://127.0.0.1:8000',
    secret: false,
    description: 'Where the gateway is for `npm run ingest`, unless `--url` says so.',
  },
  {
    name: 'LOG_FORMAT',
    readers: ['npm start'],
    type: '`json`',
    unset: 'short readable lines',
    secret: false,
    description: "`json` makes `npm start` pass the services' log lines on as they are.",
  },
  {
    name: 'PROMETHEUS_PORT',
    readers: ['docker-compose.yml'],
    type: 'port',
    default: '9090',
    secret: false,
    description: "Port of this machine's loopback that Prometheus is published on.",
  },
  {
    name: 'GRAFANA_PORT',
    readers: ['docker-compose.yml'],
    type: 'port',
    default: '3000',
    secret: false,
    description: "Port of this machine's loopback that Grafana is published on.",
  },
  {
    name: 'GRAFANA_ADMIN_PASSWORD',
    readers: ['docker-compose.yml'],
    type: 'text',
    unset: 'one that nobody knows; everybody who reaches it may look',
    secret: true,
    description: "Password of Grafana's user `admin`, taken at its first start.",
  },
];
