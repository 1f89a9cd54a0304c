import { computed, onUnmounted, ref, shallowRef } from 'vue';
import { SluiceApiError } from '@sluice/client';
import type { OpsSnapshot } from '@sluice/client';
import { sluice } from '../api.ts';
import { keyPrompt } from '../session.ts';
import { addSample } from './history.ts';
import type { Sample } from './history.ts';

/** News come every two seconds. */
const STALE_MS = 7_000;
const CLOCK_MS = 1_000;
/** Between two tries, when the server has said that it will not. */
const AGAIN_MS = 5_000;
/** The cookie for /ops/queues lasts for eight hours. */
const SESSION_MS = 3_600_000;

/** What the page shows, live for as long as it is there. */
export function useOps() {
  const snapshot = shallowRef<OpsSnapshot>();
  const history = shallowRef<Sample[]>([]);
  /** Why there is nothing new: the server's own word for it. */
  const unavailable = ref<{ code: string; message: string }>();
  /** Why the server does not answer. */
  const error = shallowRef<unknown>();
  const isAdmin = ref(false);
  const now = ref(Date.now());
  const heardAt = ref(Date.now());
  let stop = new AbortController();

  const clock = setInterval(() => (now.value = Date.now()), CLOCK_MS);
  const openSession = async (signal: AbortSignal) => {
    const { scopes } = await sluice.ops.session({ signal });
    isAdmin.value = scopes.includes('admin');
  };
  const session = setInterval(() => void openSession(stop.signal).catch(() => {}), SESSION_MS);

  const watch = async (signal: AbortSignal) => {
    for await (const event of sluice.ops.watch({ signal })) {
      [heardAt.value, error.value] = [Date.now(), undefined];
      if (event.type === 'unavailable') {
        unavailable.value = event;
        continue;
      }
      unavailable.value = undefined;
      snapshot.value = event.snapshot;
      history.value = addSample(history.value, event.snapshot);
    }
  };
  const run = async (signal: AbortSignal) => {
    while (!signal.aborted) {
      try {
        await openSession(signal);
        await watch(signal);
      } catch (thrown) {
        if (signal.aborted) return;
        // A request that waits for the user to find the key may take too long: nothing is wrong with the server.
        error.value = keyPrompt.value ? undefined : thrown;
        // Only another key helps, and asking for one over and over would not let the user go on.
        if (isRefused(thrown)) return;
      }
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  };
  /** Begins anew, with the key that is there by now. */
  const restart = () => {
    stop.abort();
    stop = new AbortController();
    error.value = undefined;
    void run(stop.signal);
  };
  restart();
  onUnmounted(() => {
    stop.abort();
    clearInterval(clock);
    clearInterval(session);
  });

  return {
    snapshot,
    history,
    unavailable,
    error,
    isRefused: computed(() => isRefused(error.value)),
    isAdmin,
    now,
    /** Whether the numbers are old. */
    isStale: computed(() => now.value - heardAt.value > STALE_MS),
    restart,
  };
}

function isRefused(error: unknown): boolean {
  return error instanceof SluiceApiError && (error.status === 401 || error.status === 403);
}
