import { context, createContextKey, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { SpanKind } from 'bullmq';
import type { Telemetry } from 'bullmq';
import { BullMQOtel, BullMQOTelSpan } from 'bullmq-otel';
import { isTracing } from './spans.ts';

const WITHOUT_SPAN = createContextKey('sluice job bookkeeping');

/**
 * What BullMQ is given to go on with a trace: `publish` where a job is added, and `process`, its child, in each worker that
 * takes it, whichever process that is: the job carries the context. Undefined where nothing is traced.
 *
 * Of what else BullMQ would make spans of (renewing locks, looking for stalled jobs, each look into the queue) nothing
 * happens for a request. bullmq-otel's own spans also quote results and errors of jobs; these do not.
 */
export function queueTelemetry(queue: string): Telemetry<Context> | undefined {
  if (!isTracing()) return undefined;
  const tracer = trace.getTracer('sluice');
  const { contextManager: carrier } = new BullMQOtel({ tracerName: 'sluice' });
  return {
    tracer: {
      startSpan(_name, { kind } = { kind: SpanKind.INTERNAL }, parent) {
        if (kind === SpanKind.INTERNAL) return bookkeeping;
        const [operation, type] = kind === SpanKind.PRODUCER ? ['publish', 'send'] : ['process', 'process'];
        const attributes = {
          'messaging.system': 'bullmq',
          'messaging.destination.name': queue,
          'messaging.operation.name': operation,
          'messaging.operation.type': type,
        };
        return new JobSpan(
          tracer.startSpan(`${operation} ${queue}`, { kind: kind as number, attributes }, parent),
        );
      },
    },
    contextManager: {
      with: (ctx, work) => carrier.with(ctx, work),
      active: () => carrier.active(),
      fromMetadata: (ctx, metadata) => carrier.fromMetadata(ctx, metadata),
      // A job that is tried again stays a child of who added it, not of the try before.
      getMetadata: (ctx: Context) => (ctx.getValue(WITHOUT_SPAN) === true ? '' : carrier.getMetadata(ctx)),
    },
  };
}

class JobSpan extends BullMQOTelSpan {
  override addEvent(name: string): void {
    super.addEvent(name);
  }

  override recordException(): void {
    this.span.setStatus({ code: SpanStatusCode.ERROR });
  }
}

const bookkeeping: ReturnType<Telemetry<Context>['tracer']['startSpan']> = {
  setSpanOnContext: (ctx: Context = context.active()) => ctx.setValue(WITHOUT_SPAN, true),
  setAttribute() {},
  setAttributes() {},
  addEvent() {},
  recordException() {},
  end() {},
};
