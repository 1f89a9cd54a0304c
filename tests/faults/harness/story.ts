import type { Seen } from './seen.ts';
import type { Watched } from './watchers.ts';
import type { World } from './world.ts';

const MAX_LINES = 40;
/** Faults so long before a chat's first record and after its last belong to its story. */
const AROUND_MS = 15_000;

/** All that is known of one chat: what each client got, its log, what the services wrote of it, the faults around it. */
export function tellStory(world: World, stream: Watched, log: readonly Seen[]): string {
  const id = stream.id();
  const times = stream.observations.flatMap(({ seen }) => seen.map(({ at }) => at));
  const first = Math.min(...times);
  const faults = world.timeline.between(first - AROUND_MS, Math.max(...times) + AROUND_MS);
  const lines =
    id === undefined ? [] : [world.workers, world.gateways].flatMap((fleet) => fleet.linesAbout(id));
  return [
    `question ${JSON.stringify(stream.question)}, chat ${id}`,
    ...stream.observations.flatMap(({ watcher, seen, end, connections }) => [
      `${watcher}: ${seen.length} records over ${connections} connections, end: ${end}`,
      ...shorten(seen.map((record) => `  +${Math.round(record.at - first)} ms ${describe(record)}`)),
    ]),
    `log: ${log.length} records`,
    ...shorten(log.map((record) => `  ${describe(record)}`)),
    'faults:',
    ...shorten(faults.map(({ at, what }) => `  +${Math.round(at - first)} ms ${what}`)),
    'services:',
    ...shorten(lines.map((line) => `  ${line.slice(0, 400)}`)),
  ].join('\n');
}

function describe({ id, type, body }: Seen): string {
  return `${id} ${type} ${JSON.stringify(body.slice(0, 80))}`;
}

/** The lines at both ends. */
function shorten(lines: readonly string[]): string[] {
  if (lines.length <= MAX_LINES) return [...lines];
  const half = MAX_LINES / 2;
  return [...lines.slice(0, half), `  … ${lines.length - MAX_LINES} more`, ...lines.slice(-half)];
}
