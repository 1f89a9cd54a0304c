/** Counts and times that a run reports. */
export class Figures {
  readonly #counts = new Map<string, number>();
  readonly #samples = new Map<string, number[]>();

  count(name: string, by = 1): void {
    this.#counts.set(name, this.countOf(name) + by);
  }

  countOf(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** Notes a time in milliseconds. */
  time(name: string, ms: number): void {
    const samples = this.#samples.get(name) ?? [];
    samples.push(ms);
    this.#samples.set(name, samples);
  }

  /** The nearest-rank percentile of a time; undefined when none was noted. */
  percentile(name: string, percent: number): number | undefined {
    const sorted = (this.#samples.get(name) ?? []).toSorted((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)];
  }

  /** Every figure, one a line. */
  lines(): string[] {
    const counts = [...this.#counts].map(([name, count]) => `${name}: ${count}`);
    const times = [...this.#samples].map(([name, samples]) => {
      const [p50, p99, max] = [50, 99, 100].map((percent) => Math.round(this.percentile(name, percent) ?? 0));
      return `${name}: p50 ${p50} ms, p99 ${p99} ms, most ${max} ms (${samples.length})`;
    });
    return [...counts, ...times];
  }
}
