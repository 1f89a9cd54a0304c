/** Writes kubernetes/prometheus-rule.yaml, the rules as the Prometheus operator takes them, from rules/. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';

/** The rules of Prometheus's own files as a resource of the operator. */
export function renderPrometheusRule(): string {
  const folder = join(import.meta.dirname, 'rules');
  const groups = readdirSync(folder).flatMap(
    (name) => (parse(readFileSync(join(folder, name), 'utf8')) as { groups: unknown[] }).groups,
  );
  const resource = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'sluice' },
    spec: { groups },
  };
  const head = '# Written from ../rules by `node deploy/observability/write-prometheus-rule.ts`.\n';
  return head + stringify(resource, { lineWidth: 0, singleQuote: true });
}

if (import.meta.main)
  writeFileSync(join(import.meta.dirname, 'kubernetes', 'prometheus-rule.yaml'), renderPrometheusRule());
