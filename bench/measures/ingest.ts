import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from '../../client/src/index.ts';
import { startIngestStack } from '../ingest-stack.ts';
import type { IngestStack } from '../ingest-stack.ts';
import { runLoad } from '../measure.ts';
import type { Run } from '../measure.ts';
import { readCpuSeconds, readEndedChildrenCpuSeconds } from '../processes.ts';
import { formatMs, formatNumber, rowOf } from '../report.ts';
import type { Report, Row } from '../report.ts';
import { median } from '../statistics.ts';

/** Documents of the first and of the second part of a run; the second one is ten times the first. */
const SMALL = 1_000;
const LARGE = 10_000;
/** Files of one request, and requests at a time. */
const FILES = 200;
const REQUESTS = 2;

/** Growth of the time from the one to the other beyond which it is not linear. */
const LINEAR_WITHIN = 1.2;
/** What bulk ingestion may do to the first token of a chat (DESIGN.md section 8). */
const CHAT_WITHIN = 2;
/** A few people who chat while documents are ingested. */
const CHAT = {
  answer: { tokens: 60, rate: 30, isStamped: true },
  streams: 10,
  rampMs: 2_000,
  warmMs: 500,
  measureMs: 15_000,
};

/** One bulk of documents. */
interface Bulk {
  documents: number;
  megabytes: number;
  chunks: number;
  seconds: number;
  /** Seconds of CPU by what they were spent on. */
  cpu: Record<string, number>;
}

/**
 * Bulk ingestion: documents a second, where their CPU goes, whether ten times as many take ten times as long, and what
 * it does to chats meanwhile.
 */
export async function measureIngest(_: unknown, runs: number): Promise<Report> {
  const small: Bulk[] = [];
  const large: Bulk[] = [];
  const idle: Run[] = [];
  const busy: Run[] = [];
  for (let run = 0; run < runs; run += 1) {
    const say = (what: string) => process.stderr.write(`  run ${run + 1} of ${runs}: ${what}\n`);
    await using stack = await startIngestStack();
    say('chat alone');
    idle.push(await runLoad(stack, stack.chat, CHAT));
    say(`${SMALL} documents`);
    small.push(await ingest(stack, SMALL));
    say(`${LARGE} documents`);
    large.push(await ingest(stack, LARGE));
    say('chat beside ingestion');
    busy.push(await chatBeside(stack));
  }
  return {
    name: 'ingest',
    rows: [...bulkRows(small, large), ...chatRows(idle, busy)],
    runs: [...small, ...large, ...idle, ...busy],
  };
}

async function ingest(stack: IngestStack, documents: number, stop?: AbortSignal): Promise<Bulk> {
  const { batches } = createClient({ baseUrl: stack.url });
  const cpuBefore = readCpu(stack);
  const begun = performance.now();
  const { id } = await batches.create({ open: true });
  let [sent, bytes] = [0, 0];
  const send = async () => {
    while (sent < documents && stop?.aborted !== true) {
      const names = Array.from({ length: Math.min(FILES, documents - sent) }, (__, n) => sent + n);
      sent += names.length;
      const files = names.map((n) => ({ name: `${n}.md`, content: writeDocument(id, n) }));
      for (const { content } of files) bytes += Buffer.byteLength(content);
      await batches.add(id, files);
    }
  };
  await Promise.all(Array.from({ length: REQUESTS }, send));
  await batches.close(id);
  for await (const { ended_at } of batches.follow(id)) if (ended_at !== undefined) break;
  const seconds = (performance.now() - begun) / 1e3;
  const cpu = readCpu(stack);
  for (const [name, before] of Object.entries(cpuBefore)) cpu[name] = (cpu[name] ?? 0) - before;
  return { documents: sent, megabytes: bytes / 1e6, chunks: await countChunks(stack, sent), seconds, cpu };
}

/** Chats while a bulk is on its way that is larger than the time of the measurement takes. */
async function chatBeside(stack: IngestStack): Promise<Run> {
  const stop = new AbortController();
  const ingesting = ingest(stack, LARGE, stop.signal);
  await delay(2_000);
  const run = await runLoad(stack, stack.chat, CHAT);
  stop.abort();
  await ingesting;
  return run;
}

/** About 1,800 characters in four sections, the same for a number and a batch, and of no other. */
function writeDocument(batch: string, n: number): string {
  const section = (part: number) =>
    `## Section ${part}\n\n${Array.from({ length: 6 }, (_, i) => `Sentence ${i} of part ${part} in document ${n} of ${batch} says 第${n}号文件的内容。`).join(' ')}\n`;
  return `# Document ${n}\n\n${[1, 2, 3, 4].map(section).join('\n')}`;
}

/** Chunks of as many documents as the newest ones have on average. */
async function countChunks(stack: IngestStack, documents: number): Promise<number> {
  const page = await createClient({ baseUrl: stack.url }).knowledge.list({ limit: 200 });
  const chunks = page.documents.reduce((sum, document) => sum + (document.chunks ?? 0), 0);
  return Math.round((chunks / page.documents.length) * documents);
}

/**
 * CPU by stage: the extraction processes extract; the worker's main thread chunks, embeds and talks to Redis; its other
 * threads are the vector store and garbage collection.
 */
function readCpu({ worker, redis, gateway, embeddings }: IngestStack): Record<string, number> {
  const main = readCpuSeconds(worker.pid, worker.pid);
  return {
    extract: childrenOf(worker.pid).reduce(
      (sum, pid) => sum + readCpuSeconds(pid),
      readEndedChildrenCpuSeconds(worker.pid),
    ),
    'chunk, embed': main,
    'store and GC': readCpuSeconds(worker.pid) - main,
    gateway: readCpuSeconds(gateway.pid),
    redis: readCpuSeconds(redis.pid),
    'mock embeddings': readCpuSeconds(embeddings.pid),
  };
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}

function bulkRows(small: readonly Bulk[], large: readonly Bulk[]): Row[] {
  const of = (bulks: readonly Bulk[], figure: (bulk: Bulk) => number) => median(bulks.map(figure));
  const growth = median(large.map((bulk, i) => bulk.seconds / (small[i]?.seconds ?? Number.NaN)));
  const total = (bulk: Bulk) => Object.values(bulk.cpu).reduce((sum, seconds) => sum + seconds, 0);
  const share = (name: string) => of(large, (bulk) => ((bulk.cpu[name] ?? 0) / total(bulk)) * 100);
  const perSecond = (bulks: readonly Bulk[], figure: (bulk: Bulk) => number) =>
    formatNumber(of(bulks, (bulk) => figure(bulk) / bulk.seconds));
  return [
    rowOf(`ingest: documents/s, ${LARGE} documents`, {
      figure: perSecond(large, ({ documents }) => documents),
      baseline: `${SMALL} documents: ${perSecond(small, ({ documents }) => documents)}`,
    }),
    rowOf('ingest: MB/s, chunks/s', {
      figure: `${perSecond(large, ({ megabytes }) => megabytes)}, ${perSecond(large, ({ chunks }) => chunks)}`,
    }),
    rowOf(`ingest: time for ${LARGE} documents`, {
      figure: `${formatNumber(of(large, ({ seconds }) => seconds))} s`,
      baseline: `${SMALL} documents: ${formatNumber(of(small, ({ seconds }) => seconds))} s`,
      ratio: growth,
      target: `linear: at most ${(LARGE / SMALL) * LINEAR_WITHIN} x`,
      met: growth <= (LARGE / SMALL) * LINEAR_WITHIN,
    }),
    rowOf('ingest: share of the CPU', {
      figure: Object.keys(large[0]?.cpu ?? {})
        .map((name) => `${name} ${formatNumber(share(name))} %`)
        .join(', '),
    }),
  ];
}

function chatRows(idle: readonly Run[], busy: readonly Run[]): Row[] {
  return (['p50', 'p99'] as const).map((quantile) => {
    const [alone, beside] = [idle, busy].map((runs) => median(runs.map((run) => run.firstToken[quantile])));
    const ratio = (beside ?? Number.NaN) / (alone ?? Number.NaN);
    return rowOf(`ingest: first token of a chat beside it, ${quantile}`, {
      figure: formatMs(beside ?? Number.NaN),
      baseline: `alone ${formatMs(alone ?? Number.NaN)}`,
      ratio,
      ...(quantile === 'p99' && { target: `at most ${CHAT_WITHIN} x`, met: ratio <= CHAT_WITHIN }),
    });
  });
}
