import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { documentStatusSchema } from '@sluice/shared/contracts/knowledge';
import { jobSchemas } from '@sluice/shared/contracts/jobs';
import { registry } from '@sluice/shared/metrics/registry';
import { readSamples } from './metrics.ts';
import { FOREIGN, questionsOfRules, toCatalogue } from './observability.ts';
import type { Metric } from './observability.ts';
import { readExpression } from './promql.ts';
import type { Catalogue } from './promql.ts';
import { startStack } from './stack.ts';

const ROOT = dirname(dirname(import.meta.dirname));

/** Where metrics are declared. */
const SOURCES = [
  ...readdirSync(join(ROOT, 'shared/src/metrics')).map((name) => `shared/src/metrics/${name}`),
  ...readdirSync(join(ROOT, 'services')).map((name) => `services/${name}/src/metrics.ts`),
];

/** Values that labels may have where there are few, by label, or by metric and label. */
const VALUES: Record<string, readonly string[]> = {
  'sluice_event_log_refusals_total.reason': ['fenced', 'closed', 'missing', 'gap'],
  'sluice_chat_tokens_wasted_total.reason': ['cancelled', 'failed', 'lost', 'restarted'],
  queue: Object.keys(jobSchemas),
  state: ['waiting', 'active', 'delayed', 'failed'],
  status: documentStatusSchema.options,
  work: ['chat', 'document'],
  outcome: ['done', 'failed', 'cancelled', 'completed', 'handed_over'],
  stream: ['chat', 'document', 'batch', 'ops'],
  result: ['hit', 'miss'],
  job: ['gateway', 'chat-worker', 'ingest-worker', 'redis', 'prometheus'],
  gen_ai_operation_name: ['chat', 'embeddings'],
};

/**
 * Starts a whole installation and finds out what there is to ask of its metrics: the names from the processes themselves,
 * the labels from their samples and from where they are declared, since a counter shows none before it has counted; and
 * what recording rules make of them.
 */
export async function readCatalogue(): Promise<{
  catalogue: Catalogue;
  values: ReadonlyMap<string, ReadonlySet<string>>;
}> {
  for (const source of SOURCES) await import(join(ROOT, source));
  const declared = new Map<string, Metric>();
  for (const metric of registry.getMetricsAsArray()) declared.set(metric.name, metric as unknown as Metric);

  const metrics = new Map<string, Metric>();
  await using stack = await startStack();
  for (const { url } of stack.services) {
    const text = await (await fetch(`${url}/metrics`)).text();
    const samples = readSamples(text);
    for (const [, name = '', type = ''] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
      const seen = samples.find((sample) => sample.name === name);
      metrics.set(name, {
        name,
        type,
        labels: labelsOf(declared.get(name)) ?? Object.keys(seen?.labels ?? {}),
      });
    }
  }
  const catalogue = new Map([...FOREIGN, ...toCatalogue(metrics.values())]);
  for (const { record, expression } of questionsOfRules()) {
    if (record !== undefined) catalogue.set(record, readExpression(expression, catalogue).labels);
  }
  const values = Object.entries(VALUES).map(([label, all]) => [label, new Set(all)] as const);
  return { catalogue, values: new Map(values) };
}

/** prom-client has them, but does not say so in its types. */
function labelsOf(metric: unknown): string[] | undefined {
  return (metric as { labelNames?: string[] } | undefined)?.labelNames;
}
