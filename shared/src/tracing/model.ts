import type { ChatCompletionRequest, ModelEvent } from '../model/answer-stream.ts';
import type { ModelTarget } from '../model/target.ts';
import { inSpan, isTracing, noteFailure, startSpan } from './spans.ts';
import type { Attributes } from './spans.ts';

// Names and attributes are those of OpenTelemetry's semantic conventions for generative AI, 1.41. Neither what is asked nor
// what is answered is told. One deviation: a span is one request, not one answer with all its retries and fallbacks, each of
// which has a span of its own.

/** Tells of one request for an answer as it goes on. */
export interface AnswerSpan extends Disposable {
  event(event: ModelEvent): void;
  failed(error: unknown): void;
}

const UNTRACED: AnswerSpan = { event() {}, failed() {}, [Symbol.dispose]() {} };

/** Follows one request for an answer in a span `chat <model>`, until its stream has ended. */
export function traceAnswer(
  target: Pick<ModelTarget, 'model' | 'provider'>,
  request: Pick<ChatCompletionRequest, 'temperature' | 'max_tokens'>,
): AnswerSpan {
  if (!isTracing()) return UNTRACED;
  const begun = performance.now();
  let hasFirst = false;
  const span = startSpan(`chat ${target.model}`, {
    kind: 'client',
    attributes: {
      ...describeTarget(target, 'chat'),
      'gen_ai.request.stream': true,
      'gen_ai.request.temperature': request.temperature,
      'gen_ai.request.max_tokens': request.max_tokens,
    },
  });
  return {
    event(event) {
      if (!hasFirst) {
        hasFirst = true;
        span.setAttribute('gen_ai.response.time_to_first_chunk', (performance.now() - begun) / 1_000);
        span.addEvent('first chunk');
      }
      if (event.type === 'finish') span.setAttribute('gen_ai.response.finish_reasons', [event.reason]);
      if (event.type === 'usage')
        span.setAttributes({
          'gen_ai.usage.input_tokens': event.prompt_tokens,
          'gen_ai.usage.output_tokens': event.completion_tokens,
        });
    },
    failed: (error) => noteFailure(error, span),
    [Symbol.dispose]: () => span.end(),
  };
}

/** Makes one request for embeddings in a span `embeddings <model>`. */
export function traceEmbeddings<T>(
  target: Pick<ModelTarget, 'model' | 'provider'>,
  inputs: number,
  work: () => Promise<T>,
): Promise<T> {
  const attributes = { ...describeTarget(target, 'embeddings'), 'sluice.embeddings.inputs': inputs };
  return inSpan(`embeddings ${target.model}`, { kind: 'client', attributes }, work);
}

function describeTarget(
  { model, provider }: Pick<ModelTarget, 'model' | 'provider'>,
  operation: string,
): Attributes {
  const { hostname, port } = new URL(`http://${provider}`);
  return {
    'gen_ai.operation.name': operation,
    // The protocol; whose model it is, the address says.
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.model': model,
    'server.address': hostname,
    'server.port': port === '' ? undefined : Number(port),
  };
}
