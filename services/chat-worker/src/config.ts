import type { z } from 'zod';
import {
  commonSettings,
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
  ...healthSettings(8001),
  /** Answers that one process streams at the same time; they mostly wait for the model. */
  CHAT_CONCURRENCY: integer(1, 10_000).default(100),
});

export type ChatWorkerConfig = z.output<typeof schema>;

/** Reads the environment. Throws a `ConfigError` that lists every problem. */
export function loadConfig(): ChatWorkerConfig {
  return parseSettings(schema, process.env);
}
