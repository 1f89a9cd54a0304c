import type { EventSourceMessage } from 'eventsource-parser';
import { APIError } from 'openai';
import type { ChatCompletionChunk } from 'openai/resources/chat/completions';
import type { ChatMessage } from '../contracts/chat.ts';
import { countUsage, ModelTimer } from '../metrics/models.ts';
import { traceAnswer } from '../tracing/model.ts';
import { describeFailure } from './failure.ts';
import type { FailurePolicy } from './settings.ts';
import { readServerEvents } from './server-events.ts';
import type { ModelTarget } from './target.ts';
import { Watchdog } from './watchdog.ts';

/** One event of a model's answer. */
export type ModelEvent =
  /** Which model answers; always the first event, and the only one of its kind. */
  | { type: 'model'; model: string }
  | { type: 'content'; text: string }
  | { type: 'reasoning'; text: string }
  | { type: 'finish'; reason: string }
  | { type: 'usage'; prompt_tokens: number; completion_tokens: number };

/** What to ask. A last message of the role `assistant` is a partial answer to go on with. */
export interface ChatCompletionRequest {
  messages: readonly ChatMessage[];
  model: string;
  temperature: number;
  max_tokens: number;
}

/**
 * Makes one request and streams its answer. Ending the iteration early, `signal`, and every time-out close the upstream
 * request. The time between two tokens stands still while the caller has a token in its hands.
 *
 * @throws {ModelFailure} or the signal's reason
 */
export async function* readAnswer(
  target: ModelTarget,
  request: ChatCompletionRequest,
  timeouts: Pick<FailurePolicy, 'firstTokenTimeoutMs' | 'tokenTimeoutMs'>,
  signal: AbortSignal,
): AsyncGenerator<ModelEvent, void, void> {
  using watchdog = new Watchdog(signal);
  using span = traceAnswer(target, request);
  const timer = new ModelTimer(target.model, 'chat');
  let ending = 'aborted';
  let begun = false;
  let finished = false;
  try {
    watchdog.watch('first_token', timeouts.firstTokenTimeoutMs);
    const response = await target.openai.chat.completions
      .create(
        {
          ...request,
          model: target.model,
          messages: [...request.messages],
          stream: true,
          stream_options: { include_usage: true },
        },
        { signal: watchdog.signal },
      )
      .asResponse();
    if (!response.body) throw new Error('the response has no body');
    reading: for await (const frames of readServerEvents(response.body)) {
      let isMeasured = false;
      for (const frame of frames) {
        if (frame.data === '[DONE]') break reading;
        for (const event of readFrame(frame, response.headers)) {
          watchdog.rest();
          begun = true;
          finished ||= event.type === 'finish';
          span.event(event);
          // Once for all that came together: a histogram takes longer than a model's token may, at full speed.
          if (!isMeasured && isText(event)) timer.tokens();
          isMeasured ||= isText(event);
          if (event.type === 'usage') countTokens(target.model, event);
          yield event;
          watchdog.watch('token', timeouts.tokenTimeoutMs);
        }
      }
    }
    if (!finished) throw new Error('the stream ended without a finish_reason');
    ending = '';
  } catch (error) {
    signal.throwIfAborted();
    // What is missing is the usage or the end of the connection: no reason to call the answer failed.
    if (finished) ending = '';
    if (finished) return;
    const what: unknown = watchdog.signal.aborted ? watchdog.signal.reason : error;
    const failure = describeFailure(what, begun ? 'answer' : 'start', target.secrets);
    span.failed(failure);
    ending = failure.shown.code;
    throw failure;
  } finally {
    timer.end(ending);
  }
}

function isText({ type }: ModelEvent): boolean {
  return type === 'content' || type === 'reasoning';
}

function countTokens(model: string, usage: Extract<ModelEvent, { type: 'usage' }>): void {
  countUsage(model, 'chat', 'input', usage.prompt_tokens);
  countUsage(model, 'chat', 'output', usage.completion_tokens);
}

function readFrame({ event: name, data }: EventSourceMessage, headers: Headers): ModelEvent[] {
  const chunk = JSON.parse(data) as Partial<ChatCompletionChunk> & { error?: object };
  // Some servers fail after the headers: with an `error` in the data, or in an event of that name.
  if (name === 'error' || chunk.error)
    throw new APIError(undefined, chunk.error ?? chunk, undefined, headers);
  const events: ModelEvent[] = [];
  const choice = chunk.choices?.[0];
  // DeepSeek, Qwen and vLLM send their reasoning beside the content; OpenAI's types do not know the field.
  const delta = choice?.delta as { content?: string | null; reasoning_content?: string | null } | undefined;
  if (delta?.reasoning_content) events.push({ type: 'reasoning', text: delta.reasoning_content });
  if (delta?.content) events.push({ type: 'content', text: delta.content });
  if (choice?.finish_reason) events.push({ type: 'finish', reason: choice.finish_reason });
  if (chunk.usage) {
    const { prompt_tokens, completion_tokens } = chunk.usage;
    events.push({ type: 'usage', prompt_tokens, completion_tokens });
  }
  return events;
}
