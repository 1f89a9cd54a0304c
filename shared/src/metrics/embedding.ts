import { Counter, Histogram } from 'prom-client';
import { LONG_SECONDS, registry, startAtZero } from './registry.ts';

const registers = [registry];

export const pacerWait = new Histogram({
  name: 'sluice_embedding_pacer_wait_seconds',
  help: 'How long requests of bulk embedding waited for their turn in the budget.',
  buckets: LONG_SECONDS,
  registers,
});

export const cacheLookups = new Counter({
  name: 'sluice_embedding_cache_lookups_total',
  help: 'Texts looked for in the embedding cache: hit or miss.',
  labelNames: ['result'],
  registers,
});
startAtZero(cacheLookups, 'result', ['hit', 'miss']);
