import { Counter, Histogram } from 'prom-client';
import { LONG_SECONDS, registry, startAtZero } from '@sluice/shared/metrics/registry';

const registers = [registry];

export const stageSeconds = new Histogram({
  name: 'sluice_ingest_stage_seconds',
  help: 'Time that a document spent in each stage of ingestion; its batches are in several at once.',
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
