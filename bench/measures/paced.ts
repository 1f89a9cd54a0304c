import { runInTurns } from '../measure.ts';
import type { Run } from '../measure.ts';
import { cpuRows, formatMs, medianOf, rowOf } from '../report.ts';
import type { Report, Row } from '../report.ts';
import type { BenchStack } from '../stack.ts';

/** Of one stream, as fast as a large model writes. */
const RATE = 30;
/** Five seconds: at 500 streams 100 answers begin in each. */
const TOKENS = 150;

/** What DESIGN.md section 8 allows Sluice to add, in milliseconds, by the number of streams. */
const FIRST_TOKEN_GOAL: Record<number, { p50: number; p99: number }> = { 100: { p50: 4, p99: 15 } };
const LATER_TOKEN_GOAL: Record<number, number> = { 500: 1 };
/** Cores of gateway at 1,000 active streams. */
const GATEWAY_GOAL = 0.5;
/** Share of the tokens offered below which a run says nothing of what the offered load costs. */
const PACE_KEPT = 0.95;

/** Time to first token, and the way of each later one, at the pace of a model. */
export async function measurePaced(stack: BenchStack, runs: number): Promise<Report> {
  const report: Report = { name: 'paced', rows: [], runs: [] };
  const single = await runInTurns(
    stack,
    [stack.express, stack.sluice],
    {
      answer: { tokens: 1, rate: 0, isStamped: true },
      streams: 1,
      rampMs: 0,
      warmMs: 1_000,
      measureMs: 4_000,
    },
    runs,
  );
  report.runs.push(...single);
  report.rows.push(...firstTokenRows(single, 1));
  for (const streams of [100, 500, 1_000]) {
    const done = await runInTurns(
      stack,
      [stack.express, stack.sluice],
      {
        answer: { tokens: TOKENS, rate: RATE, isStamped: true },
        streams,
        rampMs: (TOKENS / RATE) * 1_000,
        warmMs: 1_000,
        measureMs: 8_000,
      },
      runs,
    );
    report.runs.push(...done);
    report.rows.push(...firstTokenRows(done, streams), ...laterTokenRows(done, streams));
    report.rows.push(...cpuRows(`${streams} streams of ${RATE} tokens/s`, done));
    if (streams === 1_000) report.rows.push(gatewayRow(done));
  }
  return report;
}

function firstTokenRows(runs: readonly Run[], streams: number): Row[] {
  const goal = FIRST_TOKEN_GOAL[streams];
  return (['p50', 'p99'] as const).map((quantile) =>
    addedRow(
      runs,
      `first token added, ${quantile}, ${streams} streams`,
      (run) => run.firstToken[quantile],
      goal?.[quantile],
    ),
  );
}

function laterTokenRows(runs: readonly Run[], streams: number): Row[] {
  return (['p50', 'p99'] as const).map((quantile) =>
    addedRow(
      runs,
      `later token added, ${quantile}, ${streams} streams`,
      (run) => run.laterToken[quantile],
      quantile === 'p50' ? LATER_TOKEN_GOAL[streams] : undefined,
    ),
  );
}

/** What Sluice adds to the same figure of express-pipe. */
function addedRow(
  runs: readonly Run[],
  measure: string,
  figure: (run: Run) => number,
  goal: number | undefined,
): Row {
  const sluice = medianOf(runs, 'sluice', figure);
  const express = medianOf(runs, 'express', figure);
  const added = sluice - express;
  return rowOf(measure, {
    figure: `${formatMs(added)} (${formatMs(sluice)})`,
    baseline: `express ${formatMs(express)}`,
    ratio: sluice / express,
    ...(goal !== undefined && { target: `at most ${goal} ms`, met: added <= goal }),
  });
}

function gatewayRow(runs: readonly Run[]): Row {
  const gateway = medianOf(runs, 'sluice', (run) => run.cores['gateway'] ?? Number.NaN);
  const express = medianOf(runs, 'express', (run) => run.cores['express'] ?? Number.NaN);
  const pace = medianOf(runs, 'sluice', (run) => run.tokens / run.seconds / (run.streams * RATE));
  return rowOf('cores of the gateway, 1,000 streams', {
    figure: `${gateway.toFixed(2)} at ${Math.round(pace * 100)} % of the pace`,
    baseline: `express ${express.toFixed(2)}`,
    ratio: gateway / express,
    target: `about ${GATEWAY_GOAL}`,
    met: gateway <= GATEWAY_GOAL && pace >= PACE_KEPT,
  });
}
