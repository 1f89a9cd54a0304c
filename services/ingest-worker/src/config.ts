import { z } from 'zod';
import {
  blobStoreSettings,
  commonSettings,
  evenIfOthersAreWrong,
  healthSettings,
  integer,
  modelSettings,
  parseSettings,
  settingsSchema,
  vectorStoreSettings,
} from '@sluice/shared/config';

const schema = settingsSchema({
  ...commonSettings,
  ...modelSettings,
  ...vectorStoreSettings,
  ...blobStoreSettings,
  ...healthSettings(8002),
  /** Characters of a chunk. */
  CHUNK_SIZE: integer(50, 20_000).default(500),
  /** Characters that a chunk repeats of the one before. */
  CHUNK_OVERLAP: integer(0, 10_000).default(50),
  /** What all workers together may ask of the embedding provider in a minute; 0 for any number. */
  EMBEDDING_REQUESTS_PER_MINUTE: integer(0, 1_000_000_000).default(0),
  EMBEDDING_TOKENS_PER_MINUTE: integer(0, 1_000_000_000_000).default(0),
  /** Most requests of one process to it at the same time. */
  EMBEDDING_CONCURRENCY: integer(1, 1_000).default(8),
  /** Size of the file of vectors of texts that were embedded before; 0 for none. */
  EMBEDDING_CACHE_MB: integer(0, 1_048_576).default(256),
  /** Documents that one process ingests at the same time. */
  INGEST_CONCURRENCY: integer(1, 100).default(2),
  /** Limits of the process that extracts one document. */
  EXTRACT_TIMEOUT_MS: integer(1_000, 3_600_000).default(120_000),
  EXTRACT_MEMORY_MB: integer(128, 65_536).default(1_024),
  /** Languages of text recognition as tesseract names them, such as `eng+chi_sim`; off unless set. */
  OCR_LANGUAGES: z
    .string()
    .regex(/^\w+(?:\+\w+)*$/, { error: 'must be languages of tesseract such as eng or eng+chi_sim' })
    .optional(),
  /** Pages that are recognized at most in one document. */
  OCR_MAX_PAGES: integer(1, 10_000).default(200),
}).refine((value) => !(value.CHUNK_OVERLAP * 2 > value.CHUNK_SIZE), {
  ...evenIfOthersAreWrong,
  path: ['CHUNK_OVERLAP'],
  error: 'must be at most half of CHUNK_SIZE',
});

export type IngestWorkerConfig = z.output<typeof schema>;

/** Reads the environment. Throws a `ConfigError` that lists every problem. */
export function loadConfig(): IngestWorkerConfig {
  return parseSettings(schema, process.env);
}
