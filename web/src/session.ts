import { ref } from 'vue';

const KEY = 'sluice.api-key';

let apiKey = sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? undefined;
let waiting: { promise: Promise<boolean>; settle: (hasAnother: boolean) => void } | undefined;

/** Whether the user is asked for the API key now, and whether one was refused before. */
export const keyPrompt = ref<{ wasRefused: boolean }>();
/** Whether a key is kept, which the user may want forgotten. */
export const hasKey = ref(apiKey !== undefined);

/** The key that calls carry. */
export function currentKey(): string | undefined {
  return apiKey;
}

/**
 * Asks the user for the key, once however many calls wait for it.
 *
 * @param refused the key that the server did not take
 * @returns whether there is another key to try
 */
export function askForKey(refused: string | undefined): Promise<boolean> {
  if (apiKey !== refused) return Promise.resolve(true);
  waiting ??= beginWaiting();
  keyPrompt.value = { wasRefused: refused !== undefined };
  return waiting.promise;
}

/** Takes the user's answer: a key, kept until the tab closes or, if `remember`, for good; or undefined for none. */
export function answerKeyPrompt(key: string | undefined, remember = false): void {
  if (key !== undefined) {
    apiKey = key;
    hasKey.value = true;
    sessionStorage.setItem(KEY, key);
    if (remember) localStorage.setItem(KEY, key);
    else localStorage.removeItem(KEY);
  }
  keyPrompt.value = undefined;
  waiting?.settle(key !== undefined);
  waiting = undefined;
}

/** Forgets the key, here and for the next visit. */
export function forgetKey(): void {
  apiKey = undefined;
  hasKey.value = false;
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
  // The cookie that opens /ops/queues stands for the key.
  fetch('/api/ops/session', { method: 'DELETE' }).catch(() => {});
}

function beginWaiting(): NonNullable<typeof waiting> {
  let settle!: (hasAnother: boolean) => void;
  const promise = new Promise<boolean>((resolve) => (settle = resolve));
  return { promise, settle };
}
