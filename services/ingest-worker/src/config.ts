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

/** What an ingest-worker reads from the environment. */
export const schema = settingsSchema({
  ...commonSettings,
  ...modelSettings,
  ...vectorStoreSettings,
  ...blobStoreSettings,
  ...healthSettings(8002),
  CHUNK_SIZE: integer(50, 20_000)
    .default(500)
    .describe('Characters of a chunk, where the collection says nothing else.'),
  CHUNK_OVERLAP: integer(0, 10_000)
    .default(50)
    .describe('Characters that a chunk repeats of the one before, at most half of `CHUNK_SIZE`.'),
  EMBEDDING_REQUESTS_PER_MINUTE: integer(0, 1_000_000_000)
    .default(0)
    .describe(
      'Requests that all ingest-workers together may send to the embedding provider in a minute; 0 is any number. See docs/operations/models.md.',
    ),
  EMBEDDING_TOKENS_PER_MINUTE: integer(0, 1_000_000_000_000).default(0).describe('The same for tokens.'),
  EMBEDDING_CONCURRENCY: integer(1, 1_000)
    .default(8)
    .describe('Most requests of one ingest-worker to it at the same time.'),
  EMBEDDING_CACHE_MB: integer(0, 1_048_576)
    .default(256)
    .describe('Megabytes of the file of vectors of texts that were embedded before; 0 is none.'),
  INGEST_CONCURRENCY: integer(1, 100)
    .default(2)
    .describe('Documents that one ingest-worker works on at the same time.'),
  EXTRACT_TIMEOUT_MS: integer(1_000, 3_600_000)
    .default(120_000)
    .describe('Milliseconds that the extraction of one document may take.'),
  EXTRACT_MEMORY_MB: integer(128, 65_536).default(1_024).describe('Megabytes that it may take.'),
  OCR_LANGUAGES: z
    .string()
    .regex(/^\w+(?:\+\w+)*$/, { error: 'must be languages of tesseract such as eng or eng+chi_sim' })
    .optional()
    .meta({
      description:
        'Languages in which text is recognized in scans, as tesseract names them, such as `eng+chi_sim`; needs tesseract and poppler on the machine of the ingest-worker (docs/operations/formats.md).',
      kind: 'languages, joined by `+`',
      unset: 'off',
    }),
  OCR_MAX_PAGES: integer(1, 10_000)
    .default(200)
    .describe('Most pages of one document in which text is recognized.'),
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
