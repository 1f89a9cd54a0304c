import { Counter } from 'prom-client';
import { registry, startAtZero } from '@sluice/shared/metrics/registry';
import { measureTokens } from '@sluice/shared/text/estimate-tokens';

const registers = [registry];

export const takeovers = new Counter({
  name: 'sluice_chat_takeovers_total',
  help: 'Answers taken over from a worker that was lost, by what was done: continue, restart or fail.',
  labelNames: ['mode'],
  registers,
});
startAtZero(takeovers, 'mode', ['continue', 'restart', 'fail']);

const generated = new Counter({
  name: 'sluice_chat_tokens_generated_total',
  help: 'Tokens that models generated for answers, estimated from the text.',
  labelNames: ['tenant'],
  registers,
});

const wasted = new Counter({
  name: 'sluice_chat_tokens_wasted_total',
  help: 'Of the tokens generated, those of answers that were cancelled or failed, or that were begun anew.',
  labelNames: ['tenant', 'reason'],
  registers,
});

/** Tokens that are counted together: a counter takes longer than a model's token may, at full speed. */
const COUNTED_TOGETHER = 32;

/** Counts what the model generates in one attempt at an answer; disposed at its end. */
export class AnswerMeter implements Disposable {
  readonly #tenant: string;
  #tokens = 0;
  #counted = 0;

  constructor(tenant: string) {
    this.#tenant = tenant;
  }

  /** A piece of text has come from the model. */
  add(text: string): void {
    this.#tokens += measureTokens(text);
    if (this.#tokens - this.#counted >= COUNTED_TOGETHER) this.#count();
  }

  /** What came is of no use to anybody. */
  waste(reason: 'cancelled' | 'failed'): void {
    wasted.inc({ tenant: this.#tenant, reason }, this.#tokens);
  }

  /** What an earlier attempt wrote is thrown away. */
  discard(text: string): void {
    wasted.inc({ tenant: this.#tenant, reason: 'restarted' }, measureTokens(text));
  }

  [Symbol.dispose](): void {
    this.#count();
  }

  #count(): void {
    generated.inc({ tenant: this.#tenant }, this.#tokens - this.#counted);
    this.#counted = this.#tokens;
  }
}
