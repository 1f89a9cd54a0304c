import { Counter, Histogram } from 'prom-client';
import type { INGEST_STAGES } from '@sluice/shared/contracts/events';
import { LONG_SECONDS, registry, startAtZero } from '@sluice/shared/metrics/registry';

const registers = [registry];

const stageSeconds = new Histogram({
  name: 'sluice_ingest_stage_seconds',
  help: 'Time of each stage of ingestion: extract of a document, chunk, embed and upsert of each of its batches.',
  labelNames: ['stage'],
  buckets: LONG_SECONDS,
  registers,
});

export const chunksIndexed = new Counter({
  name: 'sluice_ingest_chunks_total',
  help: 'Chunks embedded and stored.',
  labelNames: ['tenant'],
  registers,
});

export const extractionCrashes = new Counter({
  name: 'sluice_extraction_crashes_total',
  help: 'Extraction processes that ended or were ended before their document was read, by why.',
  labelNames: ['reason'],
  registers,
});
startAtZero(extractionCrashes, 'reason', ['timeout', 'rss', 'heap', 'crash', 'killed', 'start']);

type Stage = (typeof INGEST_STAGES)[number];

/** Starts the clock of a stage. @returns stops it */
export function startStage(stage: Stage): () => void {
  return stageSeconds.startTimer({ stage });
}

/** Times a stage that succeeds. */
export async function timeStage<T>(stage: Stage, work: () => Promise<T>): Promise<T> {
  const stop = startStage(stage);
  const result = await work();
  stop();
  return result;
}
