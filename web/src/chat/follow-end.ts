import { onUnmounted, ref, watch } from 'vue';
import type { ShallowRef } from 'vue';

/** How long a text that is opened, and does not grow, may take to be laid out. */
const OPENING_MS = 700;
/** Pixels from the end within which a reader counts as being there. */
const NEAR_PX = 48;

type ElementRef = Readonly<ShallowRef<HTMLElement | null>>;

/**
 * Keeps the end of a growing text in view for as long as its reader is there. Whoever scrolls up to read stays where he is.
 *
 * @param content what grows inside `scroller`
 * @param isGrowing whether text comes; what a reader unfolds is not to be run past
 */
export function useFollowEnd(scroller: ElementRef, content: ElementRef, isGrowing: () => boolean) {
  const isAtEnd = ref(true);
  let openedAt = -OPENING_MS;
  const resizes = new ResizeObserver(() => {
    if (isAtEnd.value && (isGrowing() || performance.now() - openedAt < OPENING_MS)) scrollToEnd();
    else onScroll();
  });

  function scrollToEnd(): void {
    if (scroller.value) scroller.value.scrollTop = scroller.value.scrollHeight;
  }

  function onScroll(): void {
    const { value } = scroller;
    if (value) isAtEnd.value = value.scrollHeight - value.scrollTop - value.clientHeight < NEAR_PX;
  }

  function stayAtEnd(): void {
    isAtEnd.value = true;
    openedAt = performance.now();
    scrollToEnd();
  }

  watch(
    [scroller, content],
    ([outer, inner]) => {
      resizes.disconnect();
      for (const element of [outer, inner]) if (element) resizes.observe(element);
      outer?.addEventListener('scroll', onScroll, { passive: true });
    },
    { flush: 'post' },
  );
  onUnmounted(() => resizes.disconnect());
  return { isAtEnd, stayAtEnd };
}
