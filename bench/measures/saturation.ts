import { runInTurns } from '../measure.ts';
import { cpuRows, formatNumber, medianOf, rowOf } from '../report.ts';
import type { Report } from '../report.ts';
import type { BenchStack } from '../stack.ts';

const STREAMS = 500;
/** DESIGN.md section 8: 60 % of what the prototype of the log moved at 500 streams on 2 cores. */
const GOAL = 0.6 * 448_000;

/** Tokens a second from a model that knows no pause, with 500 streams at a time. */
export async function measureSaturation(stack: BenchStack, runs: number): Promise<Report> {
  const targets = [stack.bare, stack.express, stack.sluice];
  const plan = {
    answer: { tokens: 2_000, rate: 0 },
    streams: STREAMS,
    rampMs: 2_000,
    warmMs: 2_000,
    measureMs: 8_000,
  };
  const done = await runInTurns(stack, targets, plan, runs);
  const tokens = (target: 'bare' | 'express' | 'sluice') =>
    medianOf(done, target, (run) => run.tokens / run.seconds);
  const events = (target: 'bare' | 'express' | 'sluice') =>
    medianOf(done, target, (run) => run.events / run.seconds);
  const against = (target: 'bare' | 'express') =>
    rowOf(`tokens/s at saturation, ${STREAMS} streams`, {
      figure: `${formatNumber(tokens('sluice'))} in ${formatNumber(events('sluice'))} events/s`,
      baseline: `${target} ${formatNumber(tokens(target))} in ${formatNumber(events(target))} events/s`,
      ratio: tokens('sluice') / tokens(target),
      target: `${formatNumber(GOAL)} (0.6 x the prototype's)`,
      met: tokens('sluice') >= GOAL,
    });
  return {
    name: 'saturation',
    rows: [against('bare'), against('express'), ...cpuRows('saturation', done)],
    runs: done,
  };
}
