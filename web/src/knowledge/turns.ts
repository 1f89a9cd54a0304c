/** Lets a few do something at a time, the others in the order of their coming. */
export interface Turns {
  /** Waits for a turn and takes it for as long as `work` lasts. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Whether there is a turn right now. */
  isFree(): boolean;
}

export function createTurns(count: number): Turns {
  const waiting: (() => void)[] = [];
  let free = count;
  return {
    isFree: () => free > 0,
    async run(work) {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next) next();
        else free += 1;
      }
    },
  };
}
