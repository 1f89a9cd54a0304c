import { z } from 'zod';
import {
  commonSettings,
  healthSettings,
  integer,
  modelSettings,
  parseSettings,
  rerankSettings,
  settingsSchema,
  vectorStoreSettings,
} from '@sluice/shared/config';

const schema = settingsSchema({
  ...commonSettings,
  ...modelSettings,
  ...vectorStoreSettings,
  ...rerankSettings,
  ...healthSettings(8001),
  /** Answers that one process streams at the same time; they mostly wait for the model. */
  CHAT_CONCURRENCY: integer(1, 10_000).default(100),
  /** The same for chats of the priority `background`. */
  BACKGROUND_CONCURRENCY: integer(1, 10_000).default(10),
  /** Whether a question that follows on another is rewritten for the search. */
  CONDENSE_QUESTIONS: z.enum(['on', 'off'], { error: 'must be on or off' }).default('on'),
  /** Most tokens of all sources of an answer together, roughly. */
  SOURCES_TOKEN_BUDGET: integer(100, 1_000_000).default(4_000),
  /** What becomes of an answer whose worker was lost. */
  TAKEOVER: z
    .enum(['continue', 'restart', 'fail'], { error: 'must be continue, restart or fail' })
    .default('continue'),
  /** How the model is given a partial answer to go on with. */
  TAKEOVER_PROMPT: z
    .enum(['prefill', 'instruction'], { error: 'must be prefill or instruction' })
    .default('instruction'),
  /** Seconds without a viewer after which an answer is cancelled; 0 never. */
  CANCEL_UNWATCHED_SECONDS: integer(0, 86_400).default(0),
});

export type ChatWorkerConfig = z.output<typeof schema>;

/** Reads the environment. Throws a `ConfigError` that lists every problem. */
export function loadConfig(): ChatWorkerConfig {
  return parseSettings(schema, process.env);
}
