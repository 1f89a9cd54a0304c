import type { LoadPlan, LoadResult } from './load/load-plan.ts';
import { endProcess, forkBench, pidOf, readCpuSeconds } from './processes.ts';
import type { Measured } from './processes.ts';
import type { BenchStack, Target } from './stack.ts';

/** One run against one target. */
export interface Run extends LoadResult {
  target: Target['name'];
  streams: number;
  /** Cores that each process used, `model` and `load` among them. */
  cores: Record<string, number>;
}

type LoadMessage = { type: 'begin' } | { type: 'end' } | { type: 'result'; result: LoadResult };

/** What a load may take on top of its plan, to sort what it has measured. */
const GRACE_MS = 30_000;

/** Lets a load process do its plan, and reads what CPU every process used in the time it measured. */
export async function runLoad(
  stack: Pick<BenchStack, 'model'>,
  target: Target,
  plan: Omit<LoadPlan, 'url'>,
): Promise<Run> {
  const child = forkBench('load/main.ts', [JSON.stringify({ url: target.url, ...plan } satisfies LoadPlan)]);
  const processes: Measured[] = [...target.processes, stack.model, { name: 'load', pid: pidOf(child) }];
  const readAll = () => processes.map(({ pid }) => readCpuSeconds(pid));
  let before: number[] = [];
  let after: number[] = [];
  const timer = setTimeout(
    () => void endProcess(child),
    plan.rampMs + plan.warmMs + plan.measureMs + GRACE_MS,
  );
  try {
    const result = await new Promise<LoadResult>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the load ended early: ${code}`)));
      child.on('message', (message: LoadMessage) => {
        if (message.type === 'begin') before = readAll();
        else if (message.type === 'end') after = readAll();
        else resolve(message.result);
      });
    });
    const cores = processes.map(({ name }, i) => [
      name,
      ((after[i] ?? 0) - (before[i] ?? 0)) / result.seconds,
    ]);
    return { target: target.name, streams: plan.streams, ...result, cores: Object.fromEntries(cores) };
  } finally {
    clearTimeout(timer);
    await endProcess(child);
  }
}

/**
 * Runs the same plan against several targets in turn, `runs` times over, so that whatever else the machine does meets
 * them all alike.
 */
export async function runInTurns(
  stack: BenchStack,
  targets: readonly Target[],
  plan: Omit<LoadPlan, 'url'>,
  runs: number,
): Promise<Run[]> {
  const done: Run[] = [];
  for (let i = 0; i < runs; i += 1) {
    for (const target of targets) {
      process.stderr.write(`  ${plan.streams} streams, run ${i + 1} of ${runs}: ${target.name}\n`);
      done.push(await runLoad(stack, target, plan));
    }
  }
  return done;
}
