import { ref, shallowRef } from 'vue';
import type { Collection, CollectionSettings } from '@sluice/client';
import { sluice } from '../api.ts';

/** The collections; one list for all parts of the page. */
const collections = shallowRef<Collection[]>();
const error = ref<unknown>();

export function useCollections() {
  const load = async () => {
    try {
      collections.value = await sluice.collections.list();
      error.value = undefined;
    } catch (thrown) {
      error.value = thrown;
    }
  };
  return {
    collections,
    error,
    load,
    async save(name: string, settings: CollectionSettings) {
      await sluice.collections.put(name, settings);
      await load();
    },
    async remove(name: string) {
      await sluice.collections.delete(name);
      await load();
    },
  };
}
