import { Counter, Gauge, Histogram } from 'prom-client';
import type { LogEntry } from '@sluice/shared/event-log/entry';
import { registry, SHORT_SECONDS } from '@sluice/shared/metrics/registry';
import { measureTokens } from '@sluice/shared/text/estimate-tokens';

const registers = [registry];

export const requestSeconds = new Histogram({
  name: 'http_server_request_duration_seconds',
  help: 'Requests, from their head to the end of the answer; event streams are not among them.',
  labelNames: ['http_request_method', 'http_route', 'http_response_status_code'],
  buckets: SHORT_SECONDS,
  registers,
});

/** What a stream of events is about. */
export type StreamKind = 'chat' | 'document' | 'batch' | 'ops';

export const streamsOpen = new Gauge({
  name: 'sluice_streams_open',
  help: 'Event streams that clients hold open now.',
  labelNames: ['stream'],
  registers,
});

export const streamResumes = new Counter({
  name: 'sluice_stream_resumes_total',
  help: 'Streams that clients went on with from where they had been.',
  labelNames: ['stream'],
  registers,
});

export const slowReadersCut = new Counter({
  name: 'sluice_stream_slow_readers_cut_total',
  help: 'Streams cut off because their client took nothing for too long.',
  registers,
});

/** What people wait for: fine enough for percentiles to be shown as they are, from a quick local model to a full queue. */
const FIRST_TOKEN_SECONDS = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.35, 0.5, 0.75, 1, 1.5, 2.5, 4, 6, 10, 15, 30, 60, 120,
];

const firstTokenSeconds = new Histogram({
  name: 'sluice_chat_first_token_seconds',
  help: 'From a streamed chat being asked for to its first text on its way to the client.',
  buckets: FIRST_TOKEN_SECONDS,
  registers,
});

const tokensDelivered = new Counter({
  name: 'sluice_chat_tokens_delivered_total',
  help: 'Tokens of answers sent to clients, estimated from the text; to each viewer of a stream.',
  labelNames: ['tenant'],
  registers,
});

/**
 * Counts the text that a renderer of a chat's log sends on.
 *
 * @param askedAt when the chat was asked for, by `performance.now()`: times the first text
 */
export function countDelivered(
  tenant: string,
  render: (entry: LogEntry) => string,
  askedAt?: number,
): (entry: LogEntry) => string {
  let isWaiting = askedAt !== undefined;
  return (entry) => {
    if (entry.record.type === 'delta') {
      const { content = '', reasoning = '' } = entry.record;
      tokensDelivered.inc({ tenant }, measureTokens(content) + measureTokens(reasoning));
      if (isWaiting) firstTokenSeconds.observe((performance.now() - (askedAt ?? 0)) / 1_000);
      isWaiting = false;
    }
    return render(entry);
  };
}
