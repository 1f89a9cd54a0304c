/** What was done to the system, and when. */
export interface FaultEvent {
  /** `performance.now()`. */
  at: number;
  what: string;
}

/** The faults of a scenario in their order, for the story of a stream that broke. */
export class Timeline {
  readonly events: FaultEvent[] = [];

  /** Notes a fault as it is done. Gives its time. */
  note(what: string): number {
    const at = performance.now();
    this.events.push({ at, what });
    return at;
  }

  /** The faults between two times. */
  between(from: number, to: number): FaultEvent[] {
    return this.events.filter(({ at }) => at >= from && at <= to);
  }
}
