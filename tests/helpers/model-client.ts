import { createLogger } from '../../shared/src/logger.ts';
import { createModelClient } from '../../shared/src/model-client.ts';
import type { ModelClient, ModelClientSettings, ModelEvent } from '../../shared/src/model-client.ts';

export const CHAT_REQUEST = {
  messages: [{ role: 'user', content: 'hi' }],
  model: 'main',
  temperature: 0,
  max_tokens: 10,
} as const;

/** Reads an answer to its end. */
export async function readAll(answer: AsyncIterable<ModelEvent>): Promise<ModelEvent[]> {
  const events: ModelEvent[] = [];
  for await (const event of answer) events.push(event);
  return events;
}

/** A client under test, with what it has logged. */
export interface TestClient {
  client: ModelClient;
  /** Reads a whole answer, and gives its text and the model that gave it. */
  ask: (signal?: AbortSignal) => Promise<{ text: string; model: string | undefined; events: ModelEvent[] }>;
  /** Lines so far, parsed. */
  logs: Record<string, unknown>[];
}

/** Opens a client that backs off for a few milliseconds only, unless told otherwise. */
export function openTestClient(baseUrl: string, settings: Partial<ModelClientSettings> = {}): TestClient {
  const logs: TestClient['logs'] = [];
  const logger = createLogger({
    service: 'test',
    level: 'info',
    destination: { write: (line) => void logs.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const client = createModelClient(
    { baseUrl, apiKey: 'k', embeddingModel: 'e', embeddingDimensions: 3, backoffMs: 4, ...settings },
    logger,
  );
  return {
    client,
    logs,
    async ask(signal = new AbortController().signal) {
      const events = await readAll(client.streamChat(CHAT_REQUEST, signal));
      const text = events.map((event) => (event.type === 'content' ? event.text : '')).join('');
      return { text, model: events.find((event) => event.type === 'model')?.model, events };
    },
  };
}
