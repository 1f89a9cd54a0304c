import { shallowRef } from 'vue';
import type { KnowledgeSettings } from '@sluice/client';
import { sluice } from '../api.ts';

/** What the server takes; undefined until it is known. */
export const serverSettings = shallowRef<KnowledgeSettings>();

let loading: Promise<KnowledgeSettings> | undefined;

/** Asks the server once what it takes; again after a failure. */
export function loadSettings(): Promise<KnowledgeSettings> {
  loading ??= sluice.knowledge.settings().then(
    (settings) => (serverSettings.value = settings),
    (error: unknown) => {
      loading = undefined;
      throw error;
    },
  );
  return loading;
}
