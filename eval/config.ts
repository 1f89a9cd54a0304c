import { z } from 'zod';
import { integer, modelSettings, parseSettings, vectorStoreSettings } from '@sluice/shared/config';

const schema = z.object({
  ...modelSettings,
  ...vectorStoreSettings,
  CHUNK_SIZE: integer(50, 20_000).default(500),
  CHUNK_OVERLAP: integer(0, 10_000).default(50),
  /** Folder of further data sets; those that are missing are left out. */
  EVAL_DATASETS: z.string().optional(),
});

export type EvalConfig = z.output<typeof schema>;

/** Reads the environment. Throws a `ConfigError` that lists every problem. */
export function loadConfig(env = process.env): EvalConfig {
  return parseSettings(schema, env);
}
