import { computed, ref } from 'vue';

const isOnline = ref(navigator.onLine);
const isReached = ref(true);

window.addEventListener('online', () => (isOnline.value = true));
window.addEventListener('offline', () => (isOnline.value = false));

/** Whether the device has no network, or the last request did not reach the server. */
export const isAway = computed(() => !isOnline.value || !isReached.value);

/** A request has been answered, be it with an error. */
export function noteReached(): void {
  isReached.value = true;
}

/** A request has failed before it was answered. */
export function noteUnreached(): void {
  isReached.value = false;
}
