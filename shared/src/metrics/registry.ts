import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Counter } from 'prom-client';
import type { RedisClient } from '../redis/connection.ts';

/**
 * What `/metrics` of this process shows. One for the process, as the numbers are: they are counted where things happen,
 * deep in code that knows nothing of who looks at them.
 */
export const registry = new Registry();

/** Upper bounds in seconds for what takes milliseconds: tokens, appends, requests. */
export const SHORT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Upper bounds in seconds for what may take minutes: jobs and waits. */
export const LONG_SECONDS = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800];

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** How long Redis may take to answer a scrape. */
const PING_MS = 1_000;

/** The version of Sluice that runs. */
export const SLUICE_VERSION = version;

/**
 * Adds what every process tells: its version, memory, CPU, event loop, and whether Redis answers.
 *
 * @param redis role `commands`: a ping fails at once while Redis is away
 */
export function registerProcessMetrics(service: string, redis: RedisClient): void {
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'sluice_build_info',
    help: 'Always 1; its labels say what runs.',
    labelNames: ['service', 'version', 'node'],
    registers: [registry],
  }).set({ service, version, node: process.versions.node }, 1);
  new Gauge({
    name: 'sluice_redis_up',
    help: 'Whether Redis answers this process: 1 or 0.',
    registers: [registry],
    async collect() {
      const answer = redis.ping().then(
        () => 1,
        () => 0,
      );
      // A Redis that hangs must not hold up the numbers that are at hand.
      this.set(await Promise.race([answer, delay(PING_MS, 0, { ref: false })]));
    },
  });
}

/**
 * Shows a counter from the start for each value of a label. Prometheus takes a series that appears for one that had this
 * value all along, so the first time that something happens would not be seen.
 */
export function startAtZero<L extends string>(
  counter: Counter<L>,
  label: L,
  values: readonly string[],
): void {
  for (const value of values) counter.inc({ [label]: value } as Record<L, string>, 0);
}

const MAX_VALUES = 20;

/**
 * Keeps a label that clients choose from growing without bound: the first 20 values stay, every later one is `other`.
 */
export function createBoundedLabel(): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.size < MAX_VALUES) known.add(value);
    return known.has(value) ? value : 'other';
  };
}
