import { computed, onUnmounted, ref, shallowRef, watch } from 'vue';
import type { Batch } from '@sluice/client';
import { sluice } from '../api.ts';
import { documentChanges, senders } from './uploads.ts';

const PAGE = 10;
/** How often the list is looked at while something happens in it. */
const REFRESH_MS = 3_000;
/** Batches that are followed live: each takes one of the browser's six connections. */
const FOLLOWED = 2;
/** Between two tries at a stream that could not be followed. */
const AGAIN_MS = 5_000;

/** The batches, newest first, as the server has them; those that run are kept up to date. */
export function useBatches() {
  const batches = shallowRef<Batch[]>();
  const cursor = ref<string>();
  const error = ref<unknown>();
  const isLoading = ref(false);
  const stop = new AbortController();
  const followed = new Set<string>();

  const put = (batch: Batch) => {
    const known = batches.value ?? [];
    const isKnown = known.some(({ id }) => id === batch.id);
    batches.value = isKnown
      ? known.map((one) => (one.id === batch.id ? batch : one))
      : [batch, ...known].toSorted((left, right) => (left.created_at > right.created_at ? -1 : 1));
  };
  const load = async (more = false) => {
    isLoading.value = true;
    try {
      const page = await sluice.batches.list({
        limit: PAGE,
        ...(more && { cursor: cursor.value }),
        signal: stop.signal,
      });
      batches.value ??= [];
      page.batches.filter(({ id }) => !followed.has(id)).forEach(put);
      if (more || cursor.value === undefined) cursor.value = page.next_cursor;
      error.value = undefined;
    } catch (thrown) {
      if (!stop.signal.aborted) error.value = thrown;
    } finally {
      isLoading.value = false;
    }
  };

  const running = computed(() => batches.value?.filter((one) => one.ended_at === undefined) ?? []);
  const follow = async (id: string) => {
    followed.add(id);
    try {
      for await (const batch of sluice.batches.follow(id, { signal: stop.signal })) put(batch);
      documentChanges.value += 1;
    } catch {
      // The list goes on telling how it is.
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    } finally {
      followed.delete(id);
    }
  };
  watch(running, (now) => {
    for (const { id } of now) if (followed.size < FOLLOWED && !followed.has(id)) void follow(id);
  });
  // A batch that is sent from here is there as soon as it has an id.
  watch(
    () => senders.map(({ state }) => state.batchId).join(),
    () => load(),
  );

  let timer: ReturnType<typeof setTimeout> | undefined;
  const tick = async () => {
    if (running.value.some(({ id }) => !followed.has(id)) && !document.hidden) await load();
    if (!stop.signal.aborted) timer = setTimeout(tick, REFRESH_MS);
  };
  timer = setTimeout(tick, REFRESH_MS);
  void load();
  onUnmounted(() => {
    stop.abort();
    clearTimeout(timer);
  });

  return {
    batches,
    running,
    error,
    isLoading,
    put,
    hasMore: () => cursor.value !== undefined,
    load: () => load(),
    loadMore: () => load(true),
  };
}
