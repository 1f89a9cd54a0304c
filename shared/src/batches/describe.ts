import type { Batch } from '../contracts/batches.ts';
import type { BatchOrigin } from './origin.ts';

/** Seconds of one slot of `common.lua`'s count of documents that ended, and how many of them the rate is taken from. */
const SLOT_SECONDS = 10;
const RATE_SLOTS = 6;

/** Makes the batch of what Redis has of it. */
export function describeBatch(
  origin: BatchOrigin,
  fields: Record<string, string>,
  counts: Batch['counts'],
): Batch {
  const { id, name, collection, replace, metadata, created_at } = origin;
  const state = stateOf(fields);
  const estimate = state === 'open' || state === 'running' ? estimateSeconds(fields, counts) : undefined;
  return {
    id,
    ...(name !== undefined && { name }),
    collection,
    replace,
    metadata,
    state,
    open: fields['closed'] !== '1',
    items: Number(fields['seq'] ?? 0),
    counts,
    bytes: Number(fields['bytes'] ?? 0),
    ...(estimate !== undefined && { estimated_seconds: estimate }),
    created_at,
    ...(fields['ended_at'] !== undefined && {
      ended_at: new Date(Number(fields['ended_at'])).toISOString(),
    }),
  };
}

function stateOf({ closed, paused, cancelled, ended_at }: Record<string, string>): Batch['state'] {
  if (cancelled === '1') return ended_at === undefined ? 'cancelling' : 'cancelled';
  if (ended_at !== undefined) return 'done';
  if (paused === '1') return 'paused';
  return closed === '1' ? 'running' : 'open';
}

function estimateSeconds(fields: Record<string, string>, counts: Batch['counts']): number | undefined {
  const left = counts.receiving + counts.pending + counts.queued + counts.processing;
  if (left === 0) return 0;
  const now = Date.now() / 1_000;
  const slot = Math.floor(now / SLOT_SECONDS);
  const slots = Array.from({ length: RATE_SLOTS }, (_, ago) => Number(fields[`s ${slot - ago}`] ?? 0));
  const ended = slots.reduce((sum, count) => sum + count, 0);
  if (ended === 0) return undefined;
  const measured = now - (slot - RATE_SLOTS + 1) * SLOT_SECONDS;
  const begun = Number(fields['started_at'] ?? 0);
  const seconds = Math.max(Math.min(measured, now - begun), 1);
  return Math.round((left * seconds) / ended);
}
