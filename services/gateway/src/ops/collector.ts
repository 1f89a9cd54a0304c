import type { OpsSnapshot } from '@sluice/shared/contracts/ops';
import type { Logger } from '@sluice/shared/logger';

/** Between two snapshots. */
const INTERVAL_MS = 2_000;
/** Whoever asks for one snapshot gets one that is not older. */
const FRESH_MS = 1_000;

/** One turn of the collector. */
export type Tick = { snapshot: OpsSnapshot } | { error: unknown };

/** Collects for all viewers of this gateway at once, and for nobody while nobody looks. */
export interface OpsCollector {
  /** One snapshot; throws what collecting threw. */
  snapshot(): Promise<OpsSnapshot>;
  /** A tick at once and then every two seconds, until the signal aborts. Who is slow gets the newest, and not those before. */
  watch(signal: AbortSignal): AsyncGenerator<Tick, void, void>;
}

/** Creates a collector over a look that may fail. */
export function createCollector(look: () => Promise<OpsSnapshot>, logger: Logger): OpsCollector {
  const viewers = new Set<() => void>();
  let latest: Tick | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isRunning = false;
  let shared: { at: number; looked: Promise<OpsSnapshot> } | undefined;

  const snapshot = () => {
    if (!shared || performance.now() - shared.at > FRESH_MS)
      shared = { at: performance.now(), looked: look() };
    return shared.looked;
  };
  const run = async () => {
    if (isRunning) return;
    isRunning = true;
    latest = await snapshot().then(
      (seen) => ({ snapshot: seen }),
      (error: unknown) => {
        logger.warn({ err: error }, 'could not collect what the operations page shows');
        return { error };
      },
    );
    isRunning = false;
    for (const wake of viewers) wake();
    if (viewers.size > 0) timer = setTimeout(run, INTERVAL_MS);
  };

  return {
    snapshot,
    async *watch(signal) {
      let resume = () => {};
      const wake = () => resume();
      viewers.add(wake);
      signal.addEventListener('abort', wake, { once: true });
      if (viewers.size === 1) {
        latest = undefined;
        void run();
      }
      let seen: Tick | undefined;
      try {
        while (!signal.aborted) {
          if (latest !== undefined && latest !== seen) {
            seen = latest;
            yield seen;
            continue;
          }
          await new Promise<void>((resolve) => (resume = resolve));
        }
      } finally {
        viewers.delete(wake);
        signal.removeEventListener('abort', wake);
        if (viewers.size === 0) clearTimeout(timer);
      }
    },
  };
}
