import { Figures } from './figures.ts';
import { Random } from './random.ts';
import { ScenarioContext } from './scenario.ts';
import type { Scenario } from './scenario.ts';
import { startWorld } from './world.ts';
import type { Violation } from './checker.ts';

/** What to run. */
export interface FaultRun {
  seed: number;
  /** Of each scenario's full numbers. */
  scale: number;
  /** Time for all of it, shared among the scenarios; as long as it takes unless given. */
  minutes?: number;
  mix: readonly Scenario[];
  /** Told when something begins or ends, and every few seconds what is under way. */
  progress?: (line: string) => void;
}

/** How one scenario went. */
export interface ScenarioResult {
  name: string;
  figures: Figures;
  violations: Violation[];
  seconds: number;
}

const PROGRESS_MS = 5_000;

/** Runs scenarios one after the other, each in a world of its own, each with random numbers of its own. */
export async function runFaults(run: FaultRun): Promise<ScenarioResult[]> {
  const { seed, minutes = Infinity, mix, progress = () => {} } = run;
  progress(`seed ${seed}`);
  const results: ScenarioResult[] = [];
  const end = performance.now() + minutes * 60_000;
  for (const [i, scenario] of mix.entries()) {
    const left = mix.slice(i).reduce((sum, { seconds }) => sum + seconds, 0);
    const now = performance.now();
    const until = now + Math.max(0, end - now) * (scenario.seconds / left);
    results.push(await runOne(run, scenario, until));
  }
  return results;
}

async function runOne(
  { seed, scale, progress = () => {} }: FaultRun,
  scenario: Scenario,
  until: number,
): Promise<ScenarioResult> {
  const { name } = scenario;
  const startedAt = performance.now();
  const secondsSoFar = () => Math.round((performance.now() - startedAt) / 1_000);
  const random = new Random(seed).fork(name);
  const figures = new Figures();
  await using world = await startWorld(random.fork('world'), scenario.world);
  const context = new ScenarioContext({ name, world, random, figures, scale, until });
  const timer = setInterval(() => {
    const { counts } = world.model;
    progress(
      `${name} ${secondsSoFar()} s: ${figures.countOf('streams')} streams, ${counts.open} answers under way, ${world.timeline.events.length} faults`,
    );
  }, PROGRESS_MS);
  try {
    await scenario.run(context);
  } catch (error) {
    context.violate(`${name} could not go on`, error instanceof Error ? String(error.stack) : String(error));
  } finally {
    clearInterval(timer);
  }
  const violations = context.violations.map(({ what, story }) => ({ what: `seed ${seed}: ${what}`, story }));
  progress(`${name} ended after ${secondsSoFar()} s with ${violations.length} violations`);
  return { name, figures, violations, seconds: secondsSoFar() };
}
