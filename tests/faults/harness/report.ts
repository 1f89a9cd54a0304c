import type { ScenarioResult } from './run-faults.ts';

/** A figure that issue 3 names, and what a run reached. */
interface Row {
  figure: string;
  target: string;
  reached: string;
}

/** The figures to reach, with those of a run; a scenario that was not run has a dash. */
export function tabulate(results: readonly ScenarioResult[]): string {
  const find = (name: string) => results.find((result) => result.name === name);
  const row = (
    name: string,
    figure: string,
    target: string,
    tell: (result: ScenarioResult) => string,
  ): Row => {
    const result = find(name);
    return { figure, target, reached: result ? tell(result) : '-' };
  };
  const broken = ({ violations }: ScenarioResult) => `${violations.length} violations`;
  const count = ({ figures }: ScenarioResult, name: string) => figures.countOf(name);
  const ms = ({ figures }: ScenarioResult, name: string, percent: number) =>
    `${Math.round(figures.percentile(name, percent) ?? Number.NaN)} ms`;
  const rows: Row[] = [
    row(
      'reconnects',
      '1,000 streams with 5,000 random reconnects',
      '0 records lost, twice or out of order',
      (r) => `${count(r, 'streams')} streams, ${count(r, 'reconnects')} reconnects: ${broken(r)}`,
    ),
    row(
      'worker kills',
      '200 worker kills',
      'one end each; takeover p99 at most 15 s',
      (r) =>
        `${count(r, 'worker kills')} kills, ${count(r, 'takeovers')} takeovers: ${broken(r)}; p50 ${ms(r, 'takeover', 50)}, p99 ${ms(r, 'takeover', 99)}`,
    ),
    row(
      'stops',
      '100 SIGSTOP/CONT rounds',
      '0 stale records',
      (r) => `${count(r, 'SIGSTOP/CONT rounds')} rounds, ${count(r, 'takeovers')} takeovers: ${broken(r)}`,
    ),
    row(
      'pub/sub kills',
      '1,000 pub/sub kills',
      '0 lost; gaps filled within 250 ms',
      (r) =>
        `${count(r, 'pub/sub kills')} kills: ${broken(r)}; p50 ${ms(r, 'gap filled', 50)}, p99 ${ms(r, 'gap filled', 99)}, most ${ms(r, 'gap filled', 100)}`,
    ),
    row(
      'Redis away',
      'Redis away for 1, 7, 20, 60 s',
      'on within 5 s of its return; none lost; no restart',
      (r) =>
        `${broken(r)}; streams p99 ${ms(r, 'stream goes on after the return', 99)}, most ${ms(r, 'stream goes on after the return', 100)}; POST most ${ms(r, 'POST accepted after the return', 100)}`,
    ),
    row(
      'Redis away',
      'POST while Redis is down',
      '503 within 1 s',
      (r) => `p50 ${ms(r, 'POST while Redis is away', 50)}, most ${ms(r, 'POST while Redis is away', 100)}`,
    ),
    row(
      'cancel races',
      '1,000 cancel/complete races',
      'one end each; cancel p99 under 500 ms',
      (r) =>
        `${count(r, 'races')} races: ${broken(r)}; cancel p99 ${ms(r, 'cancel to the closed request to the model', 99)}`,
    ),
  ];
  return [
    '| figure | to reach | reached |',
    '| --- | --- | --- |',
    ...rows.map(({ figure, target, reached }) => `| ${figure} | ${target} | ${reached} |`),
  ].join('\n');
}

/** All figures of every scenario, then what must not be, with the stories of the first few. */
export function tellResults(results: readonly ScenarioResult[], maxStories = 5): string {
  const violations = results.flatMap((result) =>
    result.violations.map((violation) => ({ ...violation, what: `${result.name}: ${violation.what}` })),
  );
  return [
    ...results.flatMap(({ name, seconds, figures, violations: { length } }) => [
      `\n${name} (${seconds} s, ${length} violations)`,
      ...figures.lines().map((line) => `  ${line}`),
    ]),
    ...violations.map(({ what }) => `VIOLATION ${what}`),
    ...violations.slice(0, maxStories).map(({ what, story }) => `\n--- ${what}\n${story}`),
  ].join('\n');
}
