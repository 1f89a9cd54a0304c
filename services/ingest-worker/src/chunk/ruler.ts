/** Measures text in the unit that chunks are sized in. Places are UTF-16 offsets. */
export interface Ruler {
  /** How much the text between two places takes. */
  measure(from: number, to: number): number;
  /** The last place up to which the text from `from` on takes at most `length`. */
  reach(from: number, length: number): number;
  /** The first place from which the text up to `to` takes at most `length`. */
  reachBack(to: number, length: number): number;
}

/** Measures in UTF-16 code units; places may lie beyond the text. */
export const CHARACTERS: Ruler = {
  measure: (from, to) => to - from,
  reach: (from, length) => from + length,
  reachBack: (to, length) => to - length,
};
