/**
 * Baseline (b): what one writes without Sluice. One Express process asks the model through the openai SDK and pipes the
 * deltas to the client. Nothing survives a disconnect, a restart or a crash.
 */
import { createServer } from 'node:http';
import express from 'express';
import OpenAI from 'openai';
import { serve } from '../serve.ts';

const openai = new OpenAI({ apiKey: 'none', baseURL: `${process.argv[2]}/v1`, maxRetries: 0 });
const app = express();
app.use(express.json());

app.post('/api/chat', async (request, response) => {
  const { messages, max_tokens } = request.body as OpenAI.ChatCompletionCreateParamsStreaming;
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const stream = await openai.chat.completions.create(
    { model: 'bench', messages, max_tokens: max_tokens ?? null, stream: true },
    { signal: gone.signal },
  );
  response.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  for await (const chunk of stream) {
    const content = chunk.choices[0]?.delta.content;
    if (content) response.write(`data: ${JSON.stringify({ content })}\n\n`);
  }
  response.end('data: [DONE]\n\n');
});

/** A stream that stays silent, and costs nothing but itself: what the memory of Sluice's is held against. */
app.post('/hold', (_request, response) => {
  response.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  response.write('data: {"content":"~"}\n\n');
});

const server = createServer(app);
server.keepAliveTimeout = 60_000;
await serve(server);
