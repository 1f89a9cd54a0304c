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

/** Counts what the model generates in one attempt at an answer. */
export class AnswerMeter {
  readonly #tenant: string;
  #tokens = 0;

  constructor(tenant: string) {
    this.#tenant = tenant;
  }

  /** A piece of text has come from the model. */
  add(text: string): void {
    const tokens = measureTokens(text);
    this.#tokens += tokens;
    generated.inc({ tenant: this.#tenant }, tokens);
  }

  /** What came is of no use to anybody. */
  waste(reason: 'cancelled' | 'failed'): void {
    wasted.inc({ tenant: this.#tenant, reason }, this.#tokens);
  }

  /** What an earlier attempt wrote is thrown away. */
  discard(text: string): void {
    wasted.inc({ tenant: this.#tenant, reason: 'restarted' }, measureTokens(text));
  }
}
