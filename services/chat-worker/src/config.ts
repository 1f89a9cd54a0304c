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

/** What a chat-worker reads from the environment. */
export const schema = settingsSchema({
  ...commonSettings,
  ...modelSettings,
  ...vectorStoreSettings,
  ...rerankSettings,
  ...healthSettings(8001),
  CHAT_CONCURRENCY: integer(1, 10_000)
    .default(100)
    .describe('Answers that one chat-worker streams at the same time; they mostly wait for the model.'),
  BACKGROUND_CONCURRENCY: integer(1, 10_000)
    .default(10)
    .describe('The same for chats of the priority `background`.'),
  CONDENSE_QUESTIONS: z
    .enum(['on', 'off'], { error: 'must be on or off' })
    .default('on')
    .describe('Whether the model rewrites a question that follows on another before it is searched for.'),
  SOURCES_TOKEN_BUDGET: integer(100, 1_000_000)
    .default(4_000)
    .describe('Most tokens of all sources of an answer together, roughly.'),
  TAKEOVER: z
    .enum(['continue', 'restart', 'fail'], { error: 'must be continue, restart or fail' })
    .default('continue')
    .describe('What becomes of an answer whose worker was lost.'),
  TAKEOVER_PROMPT: z
    .enum(['prefill', 'instruction'], { error: 'must be prefill or instruction' })
    .default('instruction')
    .meta({
      description:
        "How the model is given a partial answer to go on with: as the assistant's turn, last (`prefill`: vLLM, Ollama, DeepSeek), or with a request to go on (`instruction`: any).",
      npmStart: '`prefill` with the stand-in',
    }),
  CANCEL_UNWATCHED_SECONDS: integer(0, 86_400)
    .default(0)
    .describe('Seconds without a viewer after which an answer is cancelled; 0 is never.'),
});

export type ChatWorkerConfig = z.output<typeof schema>;

/** Reads the environment. Throws a `ConfigError` that lists every problem. */
export function loadConfig(): ChatWorkerConfig {
  return parseSettings(schema, process.env);
}
