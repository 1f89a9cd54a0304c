import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { endProcess, forkBench, readRss } from '../processes.ts';
import type { Measured } from '../processes.ts';
import { formatNumber, rowOf } from '../report.ts';
import type { Report, Row } from '../report.ts';
import type { BenchStack } from '../stack.ts';

const STEPS = [1_000, 5_000, 10_000];
/** Streams that are opened at the same time. */
const OPENERS = 32;
/** Time in which garbage of the opening may go. */
const SETTLE_MS = 5_000;
/** DESIGN.md section 8: bytes of gateway for each of 10,000 idle streams. */
const GOAL = 28 * 1_024;

interface Held {
  name: string;
  streams: number;
  rss: number;
}

/** Memory of streams whose model says nothing for long. */
export async function measureIdle(stack: BenchStack): Promise<Report> {
  const express = await holdStreams(stack.express.holdUrl, stack.express.processes);
  const sluice = await holdStreams(stack.sluice.url, stack.sluice.processes);
  const held = [...express, ...sluice];
  const rows = STEPS.map((streams): Row => {
    const gateway = growthPerStream(held, 'gateway', streams);
    const bare = growthPerStream(held, 'express', streams);
    return rowOf(`memory of the gateway per idle stream, ${formatNumber(streams)} streams`, {
      figure: `${formatNumber(gateway / 1_024)} KB`,
      baseline: `express ${formatNumber(bare / 1_024)} KB`,
      ratio: gateway / bare,
      ...(streams === STEPS.at(-1) && { target: 'under 28 KB', met: gateway < GOAL }),
    });
  });
  for (const name of ['chat-worker', 'redis']) {
    const bytes = growthPerStream(held, name, STEPS.at(-1) ?? 0);
    rows.push(
      rowOf(`memory of ${name} per idle stream, 10,000 streams`, {
        figure: `${formatNumber(bytes / 1_024)} KB`,
      }),
    );
  }
  return { name: 'idle', rows, runs: held };
}

async function holdStreams(url: string, processes: readonly Measured[]): Promise<Held[]> {
  const held: Held[] = [];
  const read = (streams: number) => {
    for (const { name, pid } of processes) held.push({ name, streams, rss: readRss(pid) });
  };
  const child = forkBench('load/hold.ts', [url, String(OPENERS)]);
  try {
    read(0);
    for (const streams of STEPS) {
      process.stderr.write(`  ${streams} idle streams: ${url}\n`);
      child.send(streams);
      const [message] = (await once(child, 'message', { signal: AbortSignal.timeout(180_000) })) as [
        { type: 'held' } | { type: 'failed'; reason: string },
      ];
      if (message.type === 'failed') throw new Error(`could not hold ${streams} streams: ${message.reason}`);
      await delay(SETTLE_MS);
      read(streams);
    }
    return held;
  } finally {
    await endProcess(child);
  }
}

/** What each stream has added since there was none. */
function growthPerStream(held: readonly Held[], name: string, streams: number): number {
  const rssAt = (count: number) =>
    held.find((one) => one.name === name && one.streams === count)?.rss ?? Number.NaN;
  return (rssAt(streams) - rssAt(0)) / streams;
}
