import { isTerminal } from '@sluice/shared/contracts/events';
import type { LogEntry } from '@sluice/shared/event-log/entry';
import { isTracing, startSpan } from '@sluice/shared/tracing/spans';
import type { Span } from '@sluice/shared/tracing/spans';

/** What is delivered, and to whom. */
export interface DeliveryFacts {
  tenant: string;
  jobId: string;
  /** `sse`, or `json` for a client that is given the whole at once. */
  format: 'sse' | 'json';
  /** Whether the client, or another one, may have had something of it before. */
  resumed: boolean;
  /** `traceparent` of the trace that the job belongs to, where that is another one. */
  jobTrace?: string | undefined;
}

/** Tells of a delivery as it goes on. */
export interface Delivery extends Disposable {
  took(batch: readonly LogEntry[]): void;
  wrote(text: string): void;
}

const UNTRACED: Delivery = { took() {}, wrote() {}, [Symbol.dispose]() {} };

/**
 * Follows the delivery of a log in a span `deliver`, from the first record that is there for the client to the last byte
 * that was given to its connection.
 */
export function traceDelivery(facts: DeliveryFacts): Delivery {
  if (!isTracing()) return UNTRACED;
  let span: Span | undefined;
  let end: string | undefined;
  const written = { records: 0, deltas: 0, bytes: 0 };
  return {
    took(batch) {
      span ??= begin(facts);
      written.records += batch.length;
      for (const { record } of batch) if (record.type === 'delta') written.deltas += 1;
      const last = batch.at(-1)?.record;
      if (last && isTerminal(last)) end = last.type;
    },
    wrote(text) {
      if (span?.isRecording()) written.bytes += Buffer.byteLength(text);
    },
    [Symbol.dispose]() {
      span?.setAttributes({
        'sluice.delivery.records': written.records,
        'sluice.delivery.deltas': written.deltas,
        ...(facts.format === 'sse' && { 'sluice.delivery.bytes': written.bytes }),
        'sluice.delivery.end': end ?? 'broken_off',
      });
      span?.end();
    },
  };
}

function begin({ tenant, jobId, format, resumed, jobTrace }: DeliveryFacts): Span {
  return startSpan('deliver', {
    links: [jobTrace],
    attributes: {
      'sluice.tenant': tenant,
      'sluice.job.id': jobId,
      'sluice.delivery.format': format,
      'sluice.delivery.resumed': resumed,
    },
  });
}
