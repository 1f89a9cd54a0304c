import type { NewLog } from '@sluice/shared/event-log/log';

/** The log of a stream of the bench. */
export function addressOf(stream: number): NewLog {
  return { tenant: 'bench', jobId: `chat_bench-${stream}`, retentionMs: 60_000 };
}
