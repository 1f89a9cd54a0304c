import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endProcess, forkBench, pidOf, readCpuSeconds } from '../processes.ts';
import { formatNumber, rowOf } from '../report.ts';
import type { Report } from '../report.ts';
import { startBenchRedis } from '../stack.ts';
import { median } from '../statistics.ts';

const STREAMS = 500;
/** Tokens a second offered to each stream: together more than the prototype moved. */
const RATE = 1_000;
const WARM_MS = 2_000;
const MEASURE_MS = 6_000;
/** DESIGN.md section 8. */
const PROTOTYPE = 448_000;

interface LogRun {
  tokensPerSecond: number;
  eventsPerSecond: number;
  cores: Record<string, number>;
}

/** The event log alone, without HTTP, queue and model: writer, Redis and reader, as the prototype was. */
export async function measureLog(runs: number): Promise<Report> {
  const done: LogRun[] = [];
  for (let i = 0; i < runs; i += 1) {
    process.stderr.write(`  ${STREAMS} streams, run ${i + 1} of ${runs}: the log alone\n`);
    done.push(await runLog());
  }
  const tokens = median(done.map((run) => run.tokensPerSecond));
  const events = median(done.map((run) => run.eventsPerSecond));
  const cores = ['writer', 'redis', 'reader'].map(
    (name) => `${name} ${median(done.map((run) => run.cores[name] ?? 0)).toFixed(2)}`,
  );
  return {
    name: 'log',
    rows: [
      rowOf(`tokens/s of the log alone, ${STREAMS} streams`, {
        figure: `${formatNumber(tokens)} in ${formatNumber(events)} events/s`,
        baseline: `prototype ${formatNumber(PROTOTYPE)}, another run`,
        ratio: tokens / PROTOTYPE,
      }),
      rowOf('log alone: cores', { figure: cores.join(', ') }),
    ],
    runs: done,
  };
}

async function runLog(): Promise<LogRun> {
  await using cleanup = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
  cleanup.defer(() => rm(dir, { recursive: true, force: true }));
  const redis = await startBenchRedis(cleanup, dir);
  const reader = forkBench('log/read.ts', [redis.url, String(STREAMS)]);
  cleanup.defer(() => endProcess(reader));
  await once(reader, 'message');
  const writer = forkBench('log/write.ts', [redis.url, String(STREAMS), String(RATE)]);
  cleanup.defer(() => endProcess(writer));
  const pids = { writer: pidOf(writer), redis: redis.pid, reader: pidOf(reader) };
  const look = async () => {
    reader.send('look');
    const [seen] = (await once(reader, 'message')) as [{ tokens: number; events: number }];
    const cpu = Object.entries(pids).map(([name, pid]) => [name, readCpuSeconds(pid)] as const);
    return { at: performance.now(), ...seen, cpu: new Map(cpu) };
  };
  await delay(WARM_MS);
  const first = await look();
  await delay(MEASURE_MS);
  const last = await look();
  const seconds = (last.at - first.at) / 1e3;
  const cores = [...last.cpu].map(([name, cpu]) => [name, (cpu - (first.cpu.get(name) ?? 0)) / seconds]);
  return {
    tokensPerSecond: (last.tokens - first.tokens) / seconds,
    eventsPerSecond: (last.events - first.events) / seconds,
    cores: Object.fromEntries(cores),
  };
}
