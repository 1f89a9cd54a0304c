import type { Document } from '@sluice/shared/contracts/knowledge';
import { createLogger } from '@sluice/shared/logger';
import { DEFAULT_TENANT } from '@sluice/shared/redis/keys';
import { openVectorStore } from '@sluice/shared/vector-store/open';
import type { Chunk, TenantVectors } from '@sluice/shared/vector-store/port';
import { embedText } from '../../dev/offline-model/embedding.ts';
import { AHEAD, BATCH, withHeadings } from '../../services/ingest-worker/src/embed.ts';
import { dataOf } from '../helpers/api.ts';
import { startCountingEmbedder } from '../helpers/counting-embedder.ts';
import type { CountingEmbedder } from '../helpers/counting-embedder.ts';
import { waitFor } from '../helpers/poll.ts';
import type { TestService } from '../helpers/process.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';
import { Random } from './harness/random.ts';

/** Texts that a killed worker may have paid for in vain, for each document it works on: what is stored or under way. */
export const WINDOW = (1 + AHEAD) * BATCH;

const DIMENSIONS = 64;
const MODEL = 'ingest-kills';
/** Requests to the embedding endpoint between two kills, at most. */
const MOST_BETWEEN_KILLS = 30;

/** How much is ingested, and how often its workers are killed. */
export interface IngestKills {
  seed: number;
  documents: number;
  /** Chunks of the longest document, about. */
  chunks: number;
  workers: number;
  /** Fewer when everything is ingested before. */
  kills: number;
  /** Workers that are killed together; one unless given. */
  atOnce?: number;
  /** Milliseconds that an embedding request takes while workers are killed; 20 unless given. */
  embeddingMs?: number;
  timeoutMs: number;
  progress?: (line: string) => void;
}

/** What came of it. */
export interface IngestKillsResult {
  kills: number;
  /** How many documents ended so: `ready`, or the code of their error. */
  ends: Record<string, number>;
  texts: number;
  distinctTexts: number;
  /** How the points of documents that are ready differ from those of an undisturbed run. */
  differences: string[];
}

/**
 * Ingests documents with real workers that are killed at random moments, then the same again undisturbed, and compares.
 * Each worker takes one document at a time and has no cache, so that only checkpoints save what was paid for.
 */
export async function runIngestKills(options: IngestKills): Promise<IngestKillsResult> {
  const { seed, timeoutMs, progress = () => {} } = options;
  const random = new Random(seed);
  await using embedder = await startCountingEmbedder({
    dimensions: DIMENSIONS,
    delayMs: options.embeddingMs ?? 20,
  });
  await using stack = await startStack({
    services: [],
    env: {
      EMBEDDING_BASE_URL: embedder.url,
      EMBEDDING_MODEL: MODEL,
      EMBEDDING_DIMENSIONS: String(DIMENSIONS),
      EMBEDDING_CACHE_MB: '0',
      INGEST_CONCURRENCY: '1',
    },
  });
  for (const name of ['killed', 'undisturbed'])
    await fetch(`${stack.url}/api/knowledge/collections/${name}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
  const files = Array.from({ length: options.documents }, (_, n) => composeFile(n, options.chunks, random));
  const killed = await uploadAll(stack, files, 'killed');
  await Promise.all(Array.from({ length: options.workers }, () => stack.start('ingest-worker')));
  const kills = await killWorkers(stack, embedder, killed, random, options);
  const ended = await waitForAll(stack, killed, timeoutMs);
  const { texts, distinctTexts } = embedder;
  progress(`${kills} kills, ${texts} texts embedded, ${distinctTexts} distinct`);

  embedder.delayMs = 0;
  const undisturbed = await waitForAll(stack, await uploadAll(stack, files, 'undisturbed'), timeoutMs);
  await using store = await openVectorStore({
    qdrantUrl: process.env['QDRANT_URL'],
    qdrantApiKey: undefined,
    dataDir: stack.dataDir,
    model: MODEL,
    dimensions: DIMENSIONS,
    logger: createLogger({ service: 'test', level: 'silent' }),
  });
  const vectors = store.forTenant(DEFAULT_TENANT);
  const differences: string[] = [];
  for (const [n, document] of ended.entries())
    if (document.status === 'ready')
      differences.push(...(await compare(vectors, document, undisturbed[n] as Document)));
  const ends: Record<string, number> = {};
  for (const { status, error } of ended) {
    const end = error?.code ?? status;
    ends[end] = (ends[end] ?? 0) + 1;
  }
  return { kills, ends, texts, distinctTexts, differences };
}

/** Kills a worker after a random number of requests, and starts another one, until all is ingested. */
async function killWorkers(
  stack: TestStack,
  embedder: CountingEmbedder,
  ids: readonly string[],
  random: Random,
  { kills, atOnce = 1, timeoutMs, progress }: IngestKills,
): Promise<number> {
  for (let killed = 0; killed < kills;) {
    const from = embedder.requests + random.int(1, MOST_BETWEEN_KILLS);
    const isOver = async () => (await readAll(stack, ids)).every(hasEnded);
    await waitFor(async () => embedder.requests >= from || isOver(), { timeoutMs, what: 'work to kill' });
    if (embedder.requests < from) return killed;
    const running = stack.services.filter(
      ({ process }) =>
        process.signalCode === null && process.exitCode === null && process !== stack.gateway.process,
    );
    const victims = new Set<TestService>();
    while (victims.size < Math.min(atOnce, kills - killed, running.length)) victims.add(random.pick(running));
    await Promise.all([...victims].map((worker) => worker.kill()));
    await Promise.all([...victims].map(() => stack.start('ingest-worker')));
    killed += victims.size;
    progress?.(`killed ${killed}`);
  }
  return kills;
}

/** A document of sentences none of which comes twice, in two languages, plain or with headings. */
function composeFile(number: number, chunks: number, random: Random): File {
  const isMarkdown = random.chance(0.5);
  const length = random.int(chunks / 2, chunks) * 450;
  let text = '';
  for (let n = 0; text.length < length; n += 1) {
    if (isMarkdown && n % 40 === 0) text += `\n\n## Section ${number}-${n}\n\n`;
    text += random.chance(0.5)
      ? `Sentence ${number}-${n} says ${random.int(0, 1e9)} of the river and the gate. `
      : `第${number}-${n}句说的是${random.int(0, 1e9)}号水闸与河流的故事。`;
    if (n % 7 === 6) text += '\n\n';
  }
  return new File([text], `document-${number}.${isMarkdown ? 'md' : 'txt'}`);
}

async function uploadAll(stack: TestStack, files: readonly File[], collection: string): Promise<string[]> {
  const ids: string[] = [];
  for (const file of files) {
    const form = new FormData();
    form.append('collection', collection);
    form.append('file', file);
    const response = await fetch(`${stack.url}/api/knowledge/upload`, { method: 'POST', body: form });
    ids.push((await dataOf<{ id: string }>(response)).id);
  }
  return ids;
}

async function readAll(stack: TestStack, ids: readonly string[]): Promise<Document[]> {
  return Promise.all(
    ids.map(async (id) => dataOf<Document>(await fetch(`${stack.url}/api/knowledge/documents/${id}`))),
  );
}

async function waitForAll(stack: TestStack, ids: readonly string[], timeoutMs: number): Promise<Document[]> {
  return waitFor(
    async () => {
      const documents = await readAll(stack, ids);
      return documents.every(hasEnded) ? documents : undefined;
    },
    { timeoutMs, what: 'all documents to end' },
  );
}

function hasEnded({ status }: Document): boolean {
  return status === 'ready' || status === 'failed';
}

async function compare(vectors: TenantVectors, document: Document, like: Document): Promise<string[]> {
  const differences: string[] = [];
  const chunks = await readChunks(vectors, document);
  const expected = await readChunks(vectors, like);
  const tell = (what: string) => differences.push(`${document.filename}: ${what}`);
  if (chunks.length !== document.chunks) tell(`${chunks.length} points, but ${document.chunks} chunks`);
  if (JSON.stringify(chunks.map(comparable)) !== JSON.stringify(expected.map(comparable)))
    tell(`its ${chunks.length} points are not the ${expected.length} of the undisturbed run`);
  for (const chunk of chunks.filter((_, n) => n % 16 === 0)) {
    const vector = embedText(withHeadings(chunk), DIMENSIONS);
    const found = await vectors.search({ vector, limit: 1, filter: { documents: [document.id] } });
    const score = found.dense[0]?.score ?? 0;
    if (score < 0.9999) tell(`the vector of chunk ${chunk.index} is not there: ${score}`);
  }
  return differences;
}

async function readChunks(vectors: TenantVectors, { id, version }: Document): Promise<Chunk[]> {
  const count = await vectors.count(id, version);
  const chunks: Chunk[] = [];
  for (let first = 0; first < count; first += 200) {
    const length = Math.min(200, count - first);
    const refs = Array.from({ length }, (_, n) => ({ documentId: id, version, index: first + n }));
    chunks.push(...(await vectors.read(refs)));
  }
  return chunks.toSorted((a, b) => a.index - b.index);
}

function comparable({ documentId: _id, collection: _collection, ...chunk }: Chunk): object {
  return chunk;
}
