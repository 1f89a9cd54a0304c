/** A bounded number of places, taken in turns. */
export interface Slots<K> {
  /** Waits for a place; the urgent come first. */
  take(key: K, isUrgent: boolean): Promise<void>;
  /** Gives a place back. */
  free(key: K): void;
  /** Who has had a place for longest, when all are taken. */
  oldest(): K | undefined;
  /** Puts who waits first in the line. False for who does not. */
  hurry(key: K): boolean;
}

/** Makes `most` places. */
export function createSlots<K>(most: number): Slots<K> {
  const holders = new Set<K>();
  const waiting: { key: K; enter: () => void }[] = [];
  return {
    take(key, isUrgent) {
      if (holders.size < most) {
        holders.add(key);
        return Promise.resolve();
      }
      return new Promise((enter) => {
        if (isUrgent) waiting.unshift({ key, enter });
        else waiting.push({ key, enter });
      });
    },
    free(key) {
      holders.delete(key);
      const next = holders.size < most ? waiting.shift() : undefined;
      if (!next) return;
      holders.add(next.key);
      next.enter();
    },
    oldest: () => (holders.size < most ? undefined : holders.values().next().value),
    hurry(key) {
      const at = waiting.findIndex((one) => one.key === key);
      if (at === -1) return false;
      waiting.unshift(...waiting.splice(at, 1));
      return true;
    },
  };
}
