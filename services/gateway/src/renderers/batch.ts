import { setTimeout as delay } from 'node:timers/promises';
import type { BatchAddress } from '@sluice/shared/batches/batches';
import type { GatewayDeps } from '../context.ts';
import { frame } from '../sse.ts';
import { named } from './native.ts';

/** Least time between two snapshots. */
const SNAPSHOT_MS = 250;

/**
 * Follows a batch as frames: an event `batch` with all of it whenever something has changed, at most four a second, to
 * its end. A snapshot needs no one before it, so a client that comes back gets the newest.
 *
 * The revision is asked for, not rung: a reader costs four small commands a second, while a bell at every change of a
 * batch would cost as many as it has files, watched or not.
 */
export async function* followBatch(
  { batches }: Pick<GatewayDeps, 'batches'>,
  address: BatchAddress,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  let seen = -1;
  while (!signal.aborted) {
    if ((await batches.revision(address)) !== seen) {
      const { batch, revision } = await batches.get(address);
      seen = revision;
      yield named('batch', batch, String(revision));
      if (batch.ended_at !== undefined) return yield frame('[DONE]');
    }
    await delay(SNAPSHOT_MS, undefined, { signal }).catch(() => {});
  }
}
