import { Histogram } from 'prom-client';
import { registry, SHORT_SECONDS } from './registry.ts';

export const retrievalSeconds = new Histogram({
  name: 'sluice_retrieval_seconds',
  help: 'Finding the passages that fit a question, with embedding it and reranking.',
  buckets: SHORT_SECONDS,
  registers: [registry],
});
