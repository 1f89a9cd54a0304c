import { setTimeout as delay } from 'node:timers/promises';
import { housekeepingKey } from '@sluice/shared/redis/keys';
import type { GatewayDeps } from './context.ts';
import { collectOrphanBlobs, removeAbandonedUploads } from './orphan-blobs.ts';
import { reconcile } from './reconcile.ts';

const HOUR_MS = 3_600_000;

/** Removes and mends what crashes have left, now and every hour. */
export function startHousekeeping(deps: GatewayDeps): AsyncDisposable {
  const stop = new AbortController();
  const { signal } = stop;
  const run = async () => {
    for (;;) {
      await keepHouse(deps, signal).catch((error: unknown) =>
        deps.logger.warn({ err: error }, 'could not tidy up; will try again in an hour'),
      );
      await delay(HOUR_MS, undefined, { signal, ref: false });
    }
  };
  // Rejects at the end only, with the reason of the signal.
  const running = run().catch(() => undefined);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

/** What this gateway's own crashes left; and what all of them share, where no gateway has looked for an hour. */
export async function keepHouse(deps: GatewayDeps, signal?: AbortSignal): Promise<void> {
  await removeAbandonedUploads(deps.settings.uploadDir);
  if ((await deps.commands.set(housekeepingKey, '1', 'PX', HOUR_MS, 'NX')) !== 'OK') return;
  const files = await collectOrphanBlobs(deps, signal);
  if (files > 0) deps.logger.info({ versions: files }, 'deleted orphaned files');
  const { orphaned, incomplete, lost } = await reconcile(deps, signal);
  if (orphaned + incomplete + lost > 0)
    deps.logger.warn({ orphaned, incomplete, lost }, 'the registry and the vector store differed: mended');
}
