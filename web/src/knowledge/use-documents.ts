import { onUnmounted, ref, shallowRef, watch } from 'vue';
import type { Ref } from 'vue';
import type { KnowledgeDocument } from '@sluice/client';
import { sluice } from '../api.ts';
import { documentChanges } from './uploads.ts';

const PAGE = 50;
/** Most documents that one request gives. */
const MOST = 200;
/** How often documents that are on their way are looked at. */
const REFRESH_MS = 2_500;

/** Whether nothing more happens to it by itself. */
export function isSettled({ status }: KnowledgeDocument): boolean {
  return status === 'ready' || status === 'failed';
}

/** The documents of a collection, or of all, newest first, page by page; what is on its way is kept up to date. */
export function useDocuments(collection: Ref<string | undefined>) {
  const documents = shallowRef<KnowledgeDocument[]>();
  const total = ref(0);
  const cursor = ref<string>();
  const isLoading = ref(false);
  const error = ref<unknown>();
  let controller = new AbortController();

  /** @param work what is loaded; what comes after another `load` is dropped */
  const during = async (work: (signal: AbortSignal) => Promise<void>) => {
    const { signal } = controller;
    isLoading.value = true;
    try {
      await work(signal);
      if (!signal.aborted) error.value = undefined;
    } catch (thrown) {
      if (!signal.aborted) error.value = thrown;
    } finally {
      if (!signal.aborted) isLoading.value = false;
    }
  };
  const load = () => {
    controller.abort();
    controller = new AbortController();
    documents.value = undefined;
    return during(async (signal) => {
      const page = await sluice.knowledge.list({ collection: collection.value, limit: PAGE, signal });
      documents.value = page.documents;
      total.value = page.total;
      cursor.value = page.next_cursor;
    });
  };
  const loadMore = () =>
    during(async (signal) => {
      const page = await sluice.knowledge.list({
        collection: collection.value,
        limit: PAGE,
        cursor: cursor.value,
        signal,
      });
      const shown = new Set(documents.value?.map(({ id }) => id));
      documents.value = [...(documents.value ?? []), ...page.documents.filter(({ id }) => !shown.has(id))];
      total.value = page.total;
      cursor.value = page.next_cursor;
    });
  /** Loads what is shown anew, without it being away meanwhile. */
  const refresh = async () => {
    const { signal } = controller;
    const before = documents.value;
    if (!before) return;
    const limit = Math.min(Math.max(before.length, PAGE), MOST);
    try {
      const page = await sluice.knowledge.list({ collection: collection.value, limit, signal });
      if (signal.aborted) return;
      const ids = new Set(page.documents.map(({ id }) => id));
      // Behind the last of a full page, all is as it was; with less than a page there is nothing behind.
      const isAll = page.next_cursor === undefined;
      const behind = isAll ? [] : (documents.value ?? []).slice(limit).filter(({ id }) => !ids.has(id));
      documents.value = [...page.documents, ...behind];
      total.value = page.total;
      if (behind.length === 0) cursor.value = page.next_cursor;
    } catch {
      // The next look comes by itself.
    }
  };

  let timer: ReturnType<typeof setTimeout> | undefined;
  let isStopped = false;
  let seen = documentChanges.value;
  const tick = async () => {
    const isStale =
      seen !== documentChanges.value || documents.value?.some((one) => !isSettled(one)) === true;
    if (isStale && !document.hidden) {
      seen = documentChanges.value;
      await refresh();
    }
    if (!isStopped) timer = setTimeout(tick, REFRESH_MS);
  };
  timer = setTimeout(tick, REFRESH_MS);
  watch(collection, load, { immediate: true });
  watch(documentChanges, refresh);
  onUnmounted(() => {
    isStopped = true;
    clearTimeout(timer);
    controller.abort();
  });

  return {
    documents,
    total,
    isLoading,
    error,
    hasMore: () => cursor.value !== undefined,
    load,
    loadMore,
    refresh,
    async remove(id: string) {
      await sluice.knowledge.delete(id);
      documents.value = documents.value?.filter((one) => one.id !== id);
      total.value -= 1;
      documentChanges.value += 1;
    },
    async reingest(id: string) {
      const again = await sluice.knowledge.reingest(id);
      documents.value = documents.value?.map((one) => (one.id === id ? again : one));
    },
  };
}
