import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { composeAnswer } from './answer.ts';
import { chatRequestSchema, type ChatRequest } from './chat-request.ts';
import { readJson, sendJson, startEvents, writeEvent } from './http.ts';
import { splitPieces } from './pieces.ts';

/** Pace of generation, and what ends it early. */
export interface Generation {
  tokenDelayMs: number;
  signal: AbortSignal;
}

interface Completion {
  pieces: string[];
  finishReason: 'stop' | 'length';
  usage: object;
}

/** Answers `POST /v1/chat/completions`. Rejects with an `AbortError` when the client goes away. */
export async function handleChat(
  request: IncomingMessage,
  response: ServerResponse,
  generation: Generation,
): Promise<void> {
  const body = await readJson(request, chatRequestSchema);
  const completion = complete(body);
  if (body.stream) await streamCompletion(response, body, completion, generation);
  else await sendCompletion(response, body, completion, generation);
}

function complete(body: ChatRequest): Completion {
  const answer = cutAtStop(composeAnswer(body.messages), body.stop);
  const all = splitPieces(answer);
  const pieces = all.slice(0, body.max_completion_tokens ?? body.max_tokens ?? all.length);
  const promptTokens = body.messages.reduce((sum, { text }) => sum + splitPieces(text).length, 0);
  return {
    pieces,
    finishReason: pieces.length < all.length ? 'length' : 'stop',
    usage: {
      prompt_tokens: promptTokens,
      completion_tokens: pieces.length,
      total_tokens: promptTokens + pieces.length,
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
    },
  };
}

function cutAtStop(answer: string, stop: ChatRequest['stop']): string {
  const ends = [stop ?? []].flat().map((sequence) => (sequence === '' ? -1 : answer.indexOf(sequence)));
  return answer.slice(0, Math.min(answer.length, ...ends.filter((end) => end >= 0)));
}

function describe(body: ChatRequest, object: string): object {
  return {
    id: `chatcmpl-${randomUUID().replaceAll('-', '')}`,
    object,
    created: Math.floor(Date.now() / 1000),
    model: body.model,
    service_tier: 'default',
    system_fingerprint: 'fp_sluice_offline',
  };
}

async function sendCompletion(
  response: ServerResponse,
  body: ChatRequest,
  { pieces, finishReason, usage }: Completion,
  { tokenDelayMs, signal }: Generation,
): Promise<void> {
  if (tokenDelayMs > 0) await delay(tokenDelayMs * pieces.length, undefined, { signal });
  const message = { role: 'assistant', content: pieces.join(''), refusal: null, annotations: [] };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: finishReason }];
  sendJson(response, 200, { ...describe(body, 'chat.completion'), choices, usage });
}

async function streamCompletion(
  response: ServerResponse,
  body: ChatRequest,
  { pieces, finishReason, usage }: Completion,
  { tokenDelayMs, signal }: Generation,
): Promise<void> {
  const head = describe(body, 'chat.completion.chunk');
  const includesUsage = body.stream_options?.include_usage === true;
  const write = async (delta: object, finish: string | null): Promise<void> => {
    const choices = [{ index: 0, delta, logprobs: null, finish_reason: finish }];
    await writeEvent(
      response,
      JSON.stringify({ ...head, choices, ...(includesUsage && { usage: null }) }),
      signal,
    );
  };
  startEvents(response);
  await write({ role: 'assistant', content: '', refusal: null }, null);
  for (const content of pieces) {
    if (tokenDelayMs > 0) await delay(tokenDelayMs, undefined, { signal });
    await write({ content }, null);
  }
  await write({}, finishReason);
  if (includesUsage) await writeEvent(response, JSON.stringify({ ...head, choices: [], usage }), signal);
  await writeEvent(response, '[DONE]', signal);
  response.end();
}
