import type { AnswerPlan } from '../answer-plan.ts';
import type { Quantiles } from '../statistics.ts';

/** What a load process does: each of `streams` clients asks again as soon as it has its answer. */
export interface LoadPlan {
  url: string;
  answer: AnswerPlan;
  streams: number;
  /** Milliseconds over which the clients begin, evenly. */
  rampMs: number;
  /** Milliseconds after the ramp that count for nothing. */
  warmMs: number;
  measureMs: number;
}

/** What it saw in the time it measured. */
export interface LoadResult {
  seconds: number;
  answers: number;
  /** Requests that were refused, broke off, or brought another number of tokens than asked for. */
  failures: number;
  tokens: number;
  /** Frames with a token or more. */
  events: number;
  /** Milliseconds from the request to its first token. */
  firstToken: Quantiles;
  /** Milliseconds from the model's write of a later token to its arrival; of stamped tokens only. */
  laterToken: Quantiles;
  /** Milliseconds from the acceptance of a job to the start of its work; only Sluice says these. */
  pickUp: Quantiles;
}
