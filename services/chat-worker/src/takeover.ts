import type { ChatState } from '@sluice/shared/chat-state';

/** What a worker does with an answer whose worker was lost. */
export type TakeoverMode = 'continue' | 'restart' | 'fail';

/** How a taken job begins. `over`: its log has ended, there is nothing to do. */
export type Beginning = 'begin' | 'continue' | 'restart' | 'fail' | 'over';

/** Decides how to begin from what the log says so far. Without any text a restart shows nobody a break. */
export function chooseBeginning(soFar: ChatState, mode: TakeoverMode): Beginning {
  if (soFar.status === 'queued') return 'begin';
  if (soFar.status !== 'running') return 'over';
  // Tool calls under way cannot be gone on with: the model has to make them again.
  if (soFar.has_tool_calls) return mode === 'fail' ? 'fail' : 'restart';
  return soFar.content === '' && mode === 'restart' ? 'continue' : mode;
}

/** A repetition shorter than this is taken for the text's own. */
const MIN_OVERLAP_CHARS = 4;
const MIN_OVERLAP_CJK = 2;

const CJK = /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/;
const INSIDE_WORD = /^[\p{L}\p{N}]{2}$/u;

/**
 * Takes out what a model says again when it goes on with a partial answer: the last words of it, or all of it from the
 * beginning. Text is held back only as long as it may still be such a repetition. Where the partial answer itself ends
 * with a repetition (a table's rule, closing brackets, 哈哈哈), saying it once more is how the text goes on, and it stays.
 */
export class SeamTrimmer {
  readonly #partial: string;
  /** Whether the partial answer from a place on, said again, would be taken out. */
  readonly #isCandidate = new Map<number, boolean>();
  #held = '';
  #isPast: boolean;

  /** @param partial the answer so far */
  constructor(partial: string) {
    this.#partial = partial;
    this.#isPast = partial === '';
  }

  /** Takes a piece of the continuation, gives what may be shown. */
  push(text: string): string {
    if (this.#isPast) return text;
    this.#held += text;
    return this.#mayStillRepeat() ? '' : this.end();
  }

  /** The continuation has ended, or is past the seam: gives what is held back, without the repetition. */
  end(): string {
    const shown = this.#held.slice(this.#overlap());
    this.#held = '';
    this.#isPast = true;
    return shown;
  }

  /** Whether the held text may become a repetition as more of it comes. */
  #mayStillRepeat(): boolean {
    let at = this.#partial.indexOf(this.#held);
    while (at !== -1 && !this.#mayBeRepeatedFrom(at)) at = this.#partial.indexOf(this.#held, at + 1);
    return at !== -1;
  }

  /** Length of the longest end of the partial answer that the held text begins with. */
  #overlap(): number {
    for (let length = Math.min(this.#held.length, this.#partial.length); length > 0; length -= 1) {
      const isEnd = this.#partial.endsWith(this.#held.slice(0, length));
      if (isEnd && this.#mayBeRepeatedFrom(this.#partial.length - length)) return length;
    }
    return 0;
  }

  #mayBeRepeatedFrom(at: number): boolean {
    const known = this.#isCandidate.get(at);
    if (known !== undefined) return known;
    const words = this.#partial.slice(at);
    const isRepetition = consistsOfRepetitions(words) || this.#partial.endsWith(words + words);
    const may = this.#startsWord(at) && isLongEnough(words) && !isRepetition;
    this.#isCandidate.set(at, may);
    return may;
  }

  /** Between CJK characters a word may begin anywhere. */
  #startsWord(at: number): boolean {
    const around = this.#partial.slice(Math.max(0, at - 1), at + 1);
    return !INSIDE_WORD.test(around) || CJK.test(around);
  }
}

/** Whether a text is a shorter text said several times. */
function consistsOfRepetitions(text: string): boolean {
  return (text + text).indexOf(text, 1) < text.length;
}

function isLongEnough(words: string): boolean {
  const text = words.trim();
  return text.length >= (CJK.test(text) ? MIN_OVERLAP_CJK : MIN_OVERLAP_CHARS);
}
