import type { LogAddress } from '@sluice/shared/event-log/append';

/** The log of a stream of the bench. */
export function addressOf(stream: number): LogAddress {
  return { tenant: 'bench', jobId: `chat_bench-${stream}`, retentionMs: 60_000 };
}
