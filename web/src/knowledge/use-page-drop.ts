import { onMounted, onUnmounted, ref } from 'vue';
import { readDrop } from './picked-files.ts';
import type { PickedFile } from './picked-files.ts';

/**
 * Takes what is dropped anywhere in the window.
 *
 * @param take called with the files of a drop
 * @param onError told what reading a folder failed with
 */
export function usePageDrop(take: (files: PickedFile[]) => void, onError: (error: unknown) => void) {
  /** Whether files are dragged over the window. */
  const isOver = ref(false);
  /** Whether a dropped folder is being read. */
  const isReading = ref(false);
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') === true;

  const onDragOver = (event: DragEvent) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    isOver.value = true;
  };
  const onDragLeave = (event: DragEvent) => {
    // From one element to the next there is another one; out of the window there is none.
    if (event.relatedTarget === null) isOver.value = false;
  };
  const onDrop = async (event: DragEvent) => {
    isOver.value = false;
    if (!hasFiles(event) || !event.dataTransfer) return;
    event.preventDefault();
    isReading.value = true;
    try {
      take(await readDrop(event.dataTransfer.items));
    } catch (error) {
      onError(error);
    } finally {
      isReading.value = false;
    }
  };

  onMounted(() => {
    window.addEventListener('dragover', onDragOver);
    window.addEventListener('dragleave', onDragLeave);
    window.addEventListener('drop', onDrop);
  });
  onUnmounted(() => {
    window.removeEventListener('dragover', onDragOver);
    window.removeEventListener('dragleave', onDragLeave);
    window.removeEventListener('drop', onDrop);
  });
  return { isOver, isReading };
}
