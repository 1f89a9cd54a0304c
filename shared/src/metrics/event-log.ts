import { Counter } from 'prom-client';
import type { LogRecord } from '../contracts/events.ts';
import { isTerminal } from '../contracts/events.ts';
import { registry, startAtZero } from './registry.ts';

const registers = [registry];

const jobsEnded = new Counter({
  name: 'sluice_jobs_ended_total',
  help: 'Event logs that this process ended, by how: done, failed (with its code) or cancelled.',
  // Not `job`: that is Prometheus's name for what it scrapes, and it would rename ours.
  labelNames: ['work', 'outcome', 'code', 'tenant'],
  registers,
});

export const logRefusals = new Counter({
  name: 'sluice_event_log_refusals_total',
  help: 'Writers that an event log refused: a later attempt owns it (fenced), it has ended, it is gone, or it lost records.',
  labelNames: ['reason'],
  registers,
});
startAtZero(logRefusals, 'reason', ['fenced', 'closed', 'missing', 'gap']);

export const gapFills = new Counter({
  name: 'sluice_stream_gap_fills_total',
  help: 'Times that a reader missed messages of a log, or may have, and read them from the log.',
  registers,
});

/** Counts a log's end, when the last of the records appended is one. */
export function countEnd({ tenant, jobId }: { tenant: string; jobId: string }, record?: LogRecord): void {
  if (!record || !isTerminal(record)) return;
  jobsEnded.inc({
    work: workOf(jobId),
    outcome: record.type,
    code: record.type === 'failed' ? record.code : '',
    tenant,
  });
}

/** What a job is about. */
export function workOf(jobId: string): 'chat' | 'document' {
  return jobId.startsWith('chat_') ? 'chat' : 'document';
}
