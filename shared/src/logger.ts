import { AsyncLocalStorage } from 'node:async_hooks';
import { pino, stdTimeFunctions } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import { annotate, currentTrace } from './tracing/spans.ts';
import type { Attributes } from './tracing/spans.ts';

export type { Logger } from 'pino';

/** What every log line of one piece of work carries, in whichever service it runs. */
export interface WorkContext {
  request_id: string;
  tenant: string;
  /** Chat or document id, once there is one. */
  job_id?: string;
}

const workContext = new AsyncLocalStorage<WorkContext>();

/** Runs `work` so that each line logged within, the active span and each span begun within carry `context`. */
export function withWorkContext<T>(context: WorkContext, work: () => T): T {
  annotate(describeWork(context));
  return workContext.run(context, work);
}

/** The work that is under way here; undefined outside of any. */
export function currentWork(): WorkContext | undefined {
  return workContext.getStore();
}

/** The attributes of a span for what its log lines carry. */
export function describeWork({ request_id, tenant, job_id }: WorkContext): Attributes {
  return {
    'sluice.request.id': request_id,
    'sluice.tenant': tenant,
    ...(job_id !== undefined && { 'sluice.job.id': job_id }),
  };
}

const SECRET_KEYS = [
  'authorization',
  'cookie',
  'apiKey',
  'api_key',
  'password',
  'OPENAI_API_KEY',
  'EMBEDDING_API_KEY',
  'CHAT_FALLBACKS',
  'RERANK_API_KEY',
  'QDRANT_API_KEY',
  'SLUICE_API_KEY',
  'SLUICE_SCOPED_KEYS',
  'S3_SECRET_ACCESS_KEY',
  'REDIS_URL',
  'OTEL_EXPORTER_OTLP_HEADERS',
];

/** A JSON logger to standard output; values under secret-looking keys are replaced, up to three levels down. */
export function createLogger(options: {
  service: string;
  level: string;
  destination?: DestinationStream;
}): Logger {
  return pino(
    {
      level: options.level,
      base: { service: options.service },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // A copy: pino merges each line's own fields into what it is given.
      mixin: () => ({ ...workContext.getStore(), ...currentTrace() }),
      redact: {
        paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]),
        censor: '[redacted]',
      },
    },
    options.destination,
  );
}
