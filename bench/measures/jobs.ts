import { runInTurns } from '../measure.ts';
import { cpuRows, formatMs, formatNumber, medianOf, rowOf } from '../report.ts';
import type { Report } from '../report.ts';
import type { BenchStack } from '../stack.ts';

const CLIENTS = 100;

/** What the prototype's idle workers took to pick a job up: 1.1 ms, p99 3.5 (DESIGN.md section 8). */
const PICK_UP = { p50: 1.1, p99: 3.5 };

/** Answers of one token: what a job costs that has next to no stream; and how soon an idle worker has it. */
export async function measureJobs(stack: BenchStack, runs: number): Promise<Report> {
  const answer = { tokens: 1, rate: 0 };
  const targets = [stack.express, stack.sluice];
  const busy = await runInTurns(
    stack,
    targets,
    { answer, streams: CLIENTS, rampMs: 500, warmMs: 1_500, measureMs: 6_000 },
    runs,
  );
  const idle = await runInTurns(
    stack,
    [stack.sluice],
    { answer, streams: 1, rampMs: 0, warmMs: 1_000, measureMs: 4_000 },
    runs,
  );
  const perSecond = (target: 'express' | 'sluice') =>
    medianOf(busy, target, (run) => run.answers / run.seconds);
  const pickUp = (quantile: 'p50' | 'p99') => medianOf(idle, 'sluice', (run) => run.pickUp[quantile]);
  return {
    name: 'jobs',
    rows: [
      rowOf(`jobs/s, ${CLIENTS} clients, answers of one token`, {
        figure: formatNumber(perSecond('sluice')),
        baseline: `express ${formatNumber(perSecond('express'))}`,
        ratio: perSecond('sluice') / perSecond('express'),
      }),
      ...(['p50', 'p99'] as const).map((quantile) =>
        rowOf(`from accepted to started, ${quantile}, idle worker`, {
          figure: formatMs(pickUp(quantile)),
          baseline: `prototype ${PICK_UP[quantile]} ms`,
          ratio: pickUp(quantile) / PICK_UP[quantile],
        }),
      ),
      ...cpuRows('jobs', busy),
    ],
    runs: [...busy, ...idle],
  };
}
