import { DEFAULT_LOAD, size, sizeIngest, sizeVectors } from './arithmetic.ts';
import type { Load, Need } from './arithmetic.ts';
import { FIGURES } from './figures.ts';

const number = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1, maximumSignificantDigits: 3 });
const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const UNITS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];

/** 1,500,000 as `1.5 MB`. */
export function showBytes(bytes: number): string {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS.length - 1);
  return `${number.format(bytes / 1_000 ** power)} ${UNITS[power]}`;
}

const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');

const LINES: [name: string, show: (need: Need) => string][] = [
  ['events a second', (need) => whole.format(need.eventsPerSecond)],
  ['answers a second', (need) => number.format(need.answersPerSecond)],
  ['**gateways**', (need) => whole.format(need.gateways)],
  [
    'streams, memory of each',
    (need) => `${whole.format(need.streamsPerGateway)}, ${showBytes(need.gatewayBytes)}`,
  ],
  ['**chat-workers**', (need) => whole.format(need.chatWorkers)],
  [
    '`CHAT_CONCURRENCY`, memory of each',
    (need) => `${whole.format(need.chatConcurrency)}, ${showBytes(need.workerBytes)}`,
  ],
  ['cores of Redis', (need) => number.format(need.redisCores)],
  ['logs in Redis', (need) => showBytes(need.logBytes)],
  [
    '**masters of Redis**, by cores, by memory',
    (need) =>
      `${whole.format(need.masters)} (${whole.format(need.mastersByCpu)}, ${whole.format(need.mastersByMemory)})`,
  ],
  [
    'into, out of, to the disks of Redis, a second',
    (need) => [need.redisIn, need.redisOut, need.redisDisk].map(showBytes).join(', '),
  ],
  ['connections of each master, at most', (need) => whole.format(need.connectionsPerMaster)],
  ['`QUEUE_SHARDS`', (need) => whole.format(need.shards)],
  ['to clients, a second, without headers', (need) => showBytes(need.clientsOut)],
  ['beyond one installation', (need) => (need.limits.length === 0 ? 'nothing' : need.limits.join('; '))],
];

/** One column for each load. */
export function renderLoads(loads: readonly Load[]): string {
  const needs = loads.map(size);
  return table(
    ['streams at the same time', ...loads.map(({ streams }) => whole.format(streams))],
    LINES.map(([name, show]) => [name, ...needs.map(show)]),
  );
}

/** One row for each number of chunks. */
export function renderVectors(chunks: readonly number[], dimensions: readonly number[]): string {
  return table(
    ['chunks', ...dimensions.map((length) => `memory, disk at ${whole.format(length)} dimensions`)],
    chunks.map((count) => [
      whole.format(count),
      ...dimensions.map((length) => {
        const { memoryBytes, diskBytes } = sizeVectors(count, length);
        return `${showBytes(memoryBytes)}, ${showBytes(diskBytes)}`;
      }),
    ]),
  );
}

/** One row for each number of chunks that are to be ingested in so many seconds. */
export function renderIngest(chunks: readonly number[], seconds: number): string {
  return table(
    ['chunks in a night of 8 h', 'chunks a second', 'ingest-workers', 'tokens a minute to embed'],
    chunks.map((count) => {
      const need = sizeIngest(count, seconds, DEFAULT_LOAD.utilization);
      return [
        whole.format(count),
        number.format(need.chunksPerSecond),
        whole.format(need.ingestWorkers),
        whole.format(need.tokensPerMinute),
      ];
    }),
  );
}

/** What the page's tables show, by the name in their mark. */
export function renderTables(): Record<string, string> {
  const loads = [1_000, 10_000, 1_000_000].map((streams) => ({ ...DEFAULT_LOAD, streams }));
  const chunks = [100_000, 1_000_000, 10_000_000, 100_000_000];
  return {
    figures: table(
      ['figure', 'value', 'from'],
      Object.entries(FIGURES).map(([name, { value, unit, page }]) => [
        `\`${name}\``,
        `${number.format(value)} ${unit}`,
        page.endsWith('sizing.md')
          ? 'below'
          : `[${page.replace('docs/', '')}](${page.replace('docs/operations/', '').replace('docs/', '../')})`,
      ]),
    ),
    loads: renderLoads(loads),
    vectors: renderVectors(chunks, [384, 1_024, 1_536]),
    ingest: renderIngest([800_000, 8_000_000, 80_000_000], 8 * 3_600),
  };
}

/** Puts the tables between their marks, `<!-- <name> -->` and `<!-- end -->`. @throws {Error} where a mark is missing */
export function fillPage(page: string): string {
  let filled = page;
  for (const [name, text] of Object.entries(renderTables())) {
    const mark = new RegExp(`(<!-- table ${name}: .*? -->\\n)[^]*?(<!-- end -->)`);
    if (!mark.test(filled)) throw new Error(`The page has no place for the table ${name}.`);
    filled = filled.replace(mark, (_whole, begin: string, end: string) => `${begin}\n${text}\n\n${end}`);
  }
  return filled;
}
