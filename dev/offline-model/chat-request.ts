import { z } from 'zod';

/** A message with its text alone. */
export interface ChatMessage {
  role: string;
  text: string;
}

const textPart = z.looseObject({ type: z.string(), text: z.string().optional() });
const message = z
  .looseObject({
    role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
    content: z.union([z.string(), z.array(textPart), z.null()]).optional(),
  })
  .transform(({ role, content }): ChatMessage => {
    if (Array.isArray(content)) return { role, text: content.map(({ text }) => text ?? '').join('\n') };
    return { role, text: content ?? '' };
  });
const limit = z.int().min(1).nullish();

/** Body of `POST /v1/chat/completions`; what would only change a language model's choice of words is ignored. */
export const chatRequestSchema = z.looseObject({
  model: z.string().min(1),
  messages: z.array(message).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
  max_tokens: limit,
  max_completion_tokens: limit,
  stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
  n: z.literal(1, { error: 'only 1 answer is supported' }).nullish(),
});
export type ChatRequest = z.output<typeof chatRequestSchema>;
