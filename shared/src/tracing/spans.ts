import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Attributes, Link, Span } from '@opentelemetry/api';
import { SluiceError } from '../errors.ts';

export type { Attributes, Span } from '@opentelemetry/api';

// Nothing but no-ops until `startTelemetry` has put an SDK behind it.
const tracer = trace.getTracer('sluice');

const KINDS = { internal: SpanKind.INTERNAL, server: SpanKind.SERVER, client: SpanKind.CLIENT };

/** What a span is begun with. */
export interface SpanOptions {
  /** `internal` unless given. */
  kind?: keyof typeof KINDS;
  attributes?: Attributes;
  /** Headers of who asks: its trace is gone on with. */
  headers?: Record<string, string | string[] | undefined>;
  /** Begins a trace of its own, whatever is active. */
  root?: boolean;
  /** `traceparent` of what else it belongs to; undefined ones are left out. */
  links?: readonly (string | undefined)[];
}

/** Begins a span below the active one. The caller ends it. */
export function startSpan(name: string, options: SpanOptions = {}): Span {
  const { kind = 'internal', attributes = {}, headers, root = false, links = [] } = options;
  const active = context.active();
  const parent = headers ? propagation.extract(active, headers) : active;
  return tracer.startSpan(
    name,
    { kind: KINDS[kind], attributes, root, links: links.flatMap(toLink) },
    parent,
  );
}

/** Runs `work` with a span as the active one. */
export function withSpan<T>(span: Span, work: () => T): T {
  return context.with(trace.setSpan(context.active(), span), work);
}

/** Does a piece of work within a span of its own, which ends with it and tells whether it failed. */
export async function inSpan<T>(
  name: string,
  options: SpanOptions,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const span = startSpan(name, options);
  try {
    return await withSpan(span, () => work(span));
  } catch (error) {
    noteFailure(error, span);
    throw error;
  } finally {
    span.end();
  }
}

/** Adds to what the active span tells. */
export function annotate(attributes: Attributes): void {
  trace.getActiveSpan()?.setAttributes(attributes);
}

/**
 * Marks a span as failed. It says of which kind the error is and what a client would be told, no more: messages of other
 * errors may quote what a user or a model wrote. The log has them, under the same trace id.
 *
 * @param span the active one unless given
 */
export function noteFailure(error: unknown, span = trace.getActiveSpan()): void {
  if (!span?.isRecording()) return;
  const cause = causeOf(error);
  const known = cause instanceof SluiceError;
  span.setAttribute('error.type', known ? cause.code : nameOf(cause));
  span.setStatus({ code: SpanStatusCode.ERROR, ...(known && { message: cause.message }) });
}

/** A wrapped error tells more than what it is wrapped in. */
function causeOf(error: unknown): unknown {
  if (error instanceof SluiceError || !(error instanceof Error) || error.cause === undefined) return error;
  return causeOf(error.cause);
}

/** What is thrown and no error is the reason of a signal, such as a worker's drain. */
function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'aborted';
}

/** The ids of the active span, as log lines carry them; undefined when nothing is traced. */
export function currentTrace(): { trace_id: string; span_id: string } | undefined {
  const active = trace.getActiveSpan()?.spanContext();
  if (!active || !trace.isSpanContextValid(active)) return undefined;
  return { trace_id: active.traceId, span_id: active.spanId };
}

/** The active span as a `traceparent` (W3C Trace Context), for what is to find its trace later; undefined when there is none. */
export function currentTraceparent(): string | undefined {
  const carrier: { traceparent?: string } = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent;
}

/** Whether a `traceparent` is of the trace that is active. */
export function isActiveTrace(traceparent: string): boolean {
  return trace.getActiveSpan()?.spanContext().traceId === toLink(traceparent)[0]?.context.traceId;
}

function toLink(traceparent: string | undefined): Link[] {
  if (traceparent === undefined) return [];
  const linked = trace.getSpanContext(propagation.extract(ROOT_CONTEXT, { traceparent }));
  return linked ? [{ context: linked }] : [];
}

let isOn = false;

/** Whether this process makes traces. */
export function isTracing(): boolean {
  return isOn;
}

/** Said once, by who has put an SDK behind the API. */
export function tracingIsOn(): void {
  isOn = true;
}
