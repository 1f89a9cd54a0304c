import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

import type { Catalogue } from './promql.ts';

const ROOT = dirname(dirname(import.meta.dirname));
/** Where Prometheus's and Grafana's files are. */
export const OBSERVABILITY = join(ROOT, 'deploy', 'observability');

const ruleSchema = z.strictObject({
  record: z.string().optional(),
  alert: z.string().optional(),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.record(z.string(), z.string()).default({}),
  annotations: z.record(z.string(), z.string()).default({}),
});
const ruleFileSchema = z.strictObject({
  groups: z.array(z.strictObject({ name: z.string(), rules: z.array(ruleSchema) })),
});

/** An alert or a recording rule. */
export type Rule = z.output<typeof ruleSchema>;

/** Where an expression stands, and what is said of its result. */
export interface Question {
  where: string;
  expression: string;
  /** Labels that a legend or an annotation shows. */
  shown: string[];
}

const targetSchema = z.object({ refId: z.string(), expr: z.string(), legendFormat: z.string() });
const panelSchema = z.object({
  id: z.int(),
  type: z.string(),
  title: z.string().min(1),
  description: z.string().optional(),
  datasource: z.object({ uid: z.string() }).optional(),
  gridPos: z.object({ x: z.int(), y: z.int(), w: z.int(), h: z.int() }),
  fieldConfig: z.object({ defaults: z.object({ unit: z.string().min(1) }) }).optional(),
  targets: z.array(targetSchema).default([]),
});
const dashboardSchema = z.object({
  uid: z.string(),
  title: z.string(),
  tags: z.array(z.string()),
  annotations: z.object({ list: z.array(z.object({ expr: z.string() })) }),
  templating: z.object({
    list: z.array(z.object({ name: z.string(), type: z.string(), definition: z.string().optional() })),
  }),
  panels: z.array(panelSchema),
});

/** A dashboard of Grafana. */
export type Dashboard = z.output<typeof dashboardSchema>;

/** All rule files, by name. */
export function readRuleFiles(): { name: string; rules: Rule[] }[] {
  const folder = join(OBSERVABILITY, 'rules');
  return readdirSync(folder).map((name) => ({
    name,
    rules: ruleFileSchema
      .parse(parse(readFileSync(join(folder, name), 'utf8')))
      .groups.flatMap(({ rules }) => rules),
  }));
}

/** All dashboards, by file name. */
export function readDashboards(): { name: string; text: string; dashboard: Dashboard }[] {
  const folder = join(OBSERVABILITY, 'grafana', 'dashboards');
  return readdirSync(folder).map((name) => {
    const text = readFileSync(join(folder, name), 'utf8');
    return { name, text, dashboard: dashboardSchema.parse(JSON.parse(text)) };
  });
}

const labelsIn = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1]!);

/** What rules ask, those that others build on first. */
export function questionsOfRules(): (Question & { record: string | undefined })[] {
  return readRuleFiles()
    .flatMap(({ name, rules }) =>
      rules.map(({ record, alert, expr, annotations }) => ({
        where: `${name}, ${record ?? alert}`,
        record,
        expression: expr,
        shown: labelsIn(Object.values(annotations).join(' '), /\$labels\.(\w+)/g),
      })),
    )
    .sort((a, b) => Number(b.record !== undefined) - Number(a.record !== undefined));
}

/** Variables of Grafana that stand for a duration. */
const DURATIONS = /\$__(?:rate_interval|interval|range)\b/g;

/** What dashboards ask: panels, annotations, variables. */
export function questionsOfDashboards(): Question[] {
  return readDashboards().flatMap(({ name, dashboard }) => {
    const ask = (what: string, expression: string, shown: string[] = []) => ({
      where: `${name}, ${what}`,
      expression: expression.replace(DURATIONS, '5m'),
      shown,
    });
    return [
      ...dashboard.panels.flatMap((panel) =>
        panel.targets.map(({ expr, legendFormat }) =>
          // What cells of a heat map are called.
          ask(panel.title, expr, labelsIn(legendFormat, /\{\{(\w+)\}\}/g)),
        ),
      ),
      ...dashboard.annotations.list.map(({ expr }) => ask('annotation', expr)),
      ...dashboard.templating.list.flatMap(({ name: variable, definition }) => {
        if (definition === undefined) return [];
        const [, metric, label] = /^label_values\((\S+), (\w+)\)$/.exec(definition) ?? [];
        return [ask(`variable ${variable}`, metric ?? definition, label === undefined ? [] : [label])];
      }),
    ];
  });
}

const scalerSchema = z.object({
  kind: z.literal('ScaledObject'),
  metadata: z.object({ name: z.string() }),
  spec: z.object({ triggers: z.array(z.object({ metadata: z.object({ query: z.string() }) })) }),
});

/** What KEDA asks. */
export function questionsOfScalers(): Question[] {
  const folder = join(ROOT, 'deploy', 'kubernetes', 'components', 'keda');
  return ['chat-worker', 'ingest-worker'].flatMap((name) => {
    const { spec } = scalerSchema.parse(parse(readFileSync(join(folder, `${name}.yaml`), 'utf8')));
    return spec.triggers.map(({ metadata }, n) => ({
      where: `scaler of ${name}, trigger ${n}`,
      expression: metadata.query,
      shown: [],
    }));
  });
}

/** What the runbooks have people ask Prometheus: `ask <metric>`, `ask '<expression>'`. */
export function questionsOfRunbooks(): Question[] {
  const text = readFileSync(join(ROOT, 'docs', 'operations', 'runbooks.md'), 'utf8');
  return [...text.matchAll(/\bask (?:'([^']+)'|(\w[\w:]*)`)/g)].map(([, quoted, metric]) => ({
    where: 'runbooks.md',
    expression: quoted ?? metric!,
    shown: [],
  }));
}

/** What Prometheus itself and redis-exporter have to tell, where rules and dashboards use it. */
export const FOREIGN: Catalogue = new Map([
  ['up', new Set<string>()],
  ['ALERTS', new Set(['alertname', 'alertstate', 'severity'])],
  ['redis_memory_used_bytes', new Set<string>()],
  ['redis_memory_max_bytes', new Set<string>()],
  ['redis_total_system_memory_bytes', new Set<string>()],
]);

/** A metric as prom-client has it. */
export interface Metric {
  name: string;
  type: string;
  labels: readonly string[];
}

/** The series that Prometheus makes of metrics. */
export function toCatalogue(metrics: Iterable<Metric>): Map<string, ReadonlySet<string>> {
  const catalogue = new Map<string, ReadonlySet<string>>();
  for (const { name, type, labels } of metrics) {
    if (type !== 'histogram') {
      catalogue.set(name, new Set(labels));
      continue;
    }
    for (const suffix of ['_sum', '_count']) catalogue.set(`${name}${suffix}`, new Set(labels));
    catalogue.set(`${name}_bucket`, new Set([...labels, 'le']));
  }
  return catalogue;
}
