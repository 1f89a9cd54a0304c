/** What a Markdown text is in at its end: a fence, code between backticks, or neither. */
type Code = { kind: 'fence' | 'inline'; mark: string; length: number };

/** What may stand before a fence in its line: indentation, list markers, quotation. */
const FENCE_LEAD = /^[ \t>*+\d.)-]*$/;
const FENCE_LENGTH = 3;

/** Follows a Markdown text, character by character, and knows whether it is within code. */
export class CodeTracker {
  #code: Code | undefined;
  /** The line so far, without the run of marks at its end. */
  #line = '';
  /** A run of backticks or tildes that may go on. */
  #run = '';

  /** Whether a character that is neither backtick nor tilde would be part of code if it came next. */
  get isInCode(): boolean {
    this.#endRun();
    return this.#code !== undefined;
  }

  /** Takes the next character. */
  push(character: string): void {
    const isMark = character === '`' || character === '~';
    if (this.#run !== '' && character !== this.#run[0]) this.#endRun();
    if (isMark) {
      this.#run += character;
    } else if (character === '\n') {
      // Code between backticks ends with its paragraph.
      if (this.#code?.kind === 'inline' && this.#line.trim() === '') this.#code = undefined;
      this.#line = '';
    } else {
      this.#line += character;
    }
  }

  #endRun(): void {
    if (this.#run === '') return;
    const [mark] = this.#run as unknown as [string];
    const { length } = this.#run;
    const mayBeFence = length >= FENCE_LENGTH && FENCE_LEAD.test(this.#line);
    if (this.#code?.kind === 'fence') {
      if (mayBeFence && mark === this.#code.mark && length >= this.#code.length) this.#code = undefined;
    } else if (mayBeFence) {
      this.#code = { kind: 'fence', mark, length };
    } else if (mark === '`') {
      if (this.#code === undefined) this.#code = { kind: 'inline', mark, length };
      else if (length === this.#code.length) this.#code = undefined;
    }
    this.#line += this.#run;
    this.#run = '';
  }
}
