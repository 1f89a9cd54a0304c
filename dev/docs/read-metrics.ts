import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { registry, registerProcessMetrics } from '../../shared/src/metrics/registry.ts';
import type { RedisClient } from '../../shared/src/redis/connection.ts';
import { registerBacklogMetrics } from '../../services/gateway/src/backlog-metrics.ts';
import type { GatewayDeps } from '../../services/gateway/src/context.ts';
import { readPage, ROOT } from './pages.ts';

/** A metric as the page shows it. */
export interface Metric {
  name: string;
  type: string;
  help: string;
  labels: readonly string[];
  /** Processes that show it. */
  services: readonly string[];
}

/** What prom-client keeps of a metric; its types do not tell. */
interface Declared {
  name: string;
  type: string;
  help: string;
  labelNames: readonly string[];
}

const SERVICES = ['gateway', 'chat-worker', 'ingest-worker'];

/** Files that declare metrics, in the order of the page. What is declared while a process starts comes from the calls below. */
export const SECTIONS: readonly { title: string; files: readonly string[] }[] = [
  {
    title: 'Chats and streams',
    files: [
      'services/gateway/src/metrics.ts',
      'services/chat-worker/src/metrics.ts',
      'shared/src/metrics/event-log.ts',
    ],
  },
  {
    title: 'Queues and jobs',
    files: ['services/gateway/src/backlog-metrics.ts', 'shared/src/metrics/jobs.ts'],
  },
  { title: 'Models', files: ['shared/src/metrics/models.ts'] },
  {
    title: 'Documents and retrieval',
    files: [
      'services/ingest-worker/src/metrics.ts',
      'shared/src/metrics/embedding.ts',
      'shared/src/metrics/retrieval.ts',
    ],
  },
  { title: 'The process', files: ['shared/src/metrics/registry.ts'] },
];

/** Reads the metrics that processes declare, section by section. Node's own (`process_…`, `nodejs_…`) are left out. */
export async function readMetrics(): Promise<{ title: string; metrics: Metric[] }[]> {
  const reached = SERVICES.map((service) => ({
    service,
    files: followImports(`services/${service}/src/main.ts`),
  }));
  const sections: { title: string; metrics: Metric[] }[] = [];
  for (const { title, files } of SECTIONS) {
    const metrics: Metric[] = [];
    for (const file of files) {
      await import(join(ROOT, file));
      const declared = registry.getMetricsAsArray() as unknown as Declared[];
      const source = readPage(file);
      const services = reached.filter((one) => one.files.has(file)).map(({ service }) => service);
      for (const { name, type, help, labelNames } of declared)
        if (source.includes(`'${name}'`)) metrics.push({ name, type, help, labels: labelNames, services });
    }
    sections.push({ title, metrics });
  }
  return sections;
}

// Nothing is asked of these: declaring a metric does not collect it.
registerProcessMetrics('docs', {} as RedisClient);
registerBacklogMetrics({} as GatewayDeps);

/** All modules that a program loads at its start, by their paths from the root. */
function followImports(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file) || !existsSync(join(ROOT, file))) return found;
  found.add(file);
  for (const [, what] of readPage(file).matchAll(/^(?:import|export)\s(?!type)[^;]*?from '([^']+)'/gm)) {
    if (what!.startsWith('.')) followImports(normalize(join(dirname(file), what!)), found);
    else if (what!.startsWith('@sluice/shared/'))
      followImports(`shared/src/${what!.slice('@sluice/shared/'.length)}.ts`, found);
  }
  return found;
}
