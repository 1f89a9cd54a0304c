import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';

import { DOCUMENT_ERROR_STATUS } from '@sluice/shared/errors';
import { renderPrometheusRule } from '../../deploy/observability/write-prometheus-rule.ts';
import { readCatalogue } from '../helpers/exported-metrics.ts';
import {
  OBSERVABILITY,
  questionsOfDashboards,
  questionsOfRules,
  questionsOfRunbooks,
  questionsOfScalers,
  readDashboards,
  readRuleFiles,
} from '../helpers/observability.ts';
import { readExpression } from '../helpers/promql.ts';
import type { Catalogue } from '../helpers/promql.ts';

const ROOT = join(OBSERVABILITY, '../..');
/** No pattern, and no variable of a dashboard. */
const isPlain = (value: string) => /^[\w-]+$/.test(value);
const alerts = readRuleFiles().flatMap(({ rules }) => rules.filter(({ alert }) => alert !== undefined));

describe('dashboards, alerts and scalers', () => {
  let catalogue: Catalogue;
  let values: ReadonlyMap<string, ReadonlySet<string>>;
  before(async () => {
    ({ catalogue, values } = await readCatalogue());
  });

  it('ask for metrics, labels and values that the processes export, and show labels that the result has', () => {
    const problems: string[] = [];
    const questions = [
      ...questionsOfRules(),
      ...questionsOfDashboards(),
      ...questionsOfScalers(),
      ...questionsOfRunbooks(),
    ];
    assert.ok(questionsOfRunbooks().length > 20);
    for (const { where, expression, shown } of questions) {
      try {
        const { labels, comparisons } = readExpression(expression, catalogue);
        for (const label of shown)
          if (!labels.has(label)) problems.push(`${where}: the result has no label ${label}: ${expression}`);
        for (const { metric, label, value } of comparisons)
          if ((values.get(`${metric}.${label}`) ?? values.get(label))?.has(value) === false && isPlain(value))
            problems.push(`${where}: no ${label} is ever "${value}": ${expression}`);
      } catch (error) {
        problems.push(`${where}: ${(error as Error).message}`);
      }
    }
    assert.deepEqual(problems, []);
  });

  const WRONG: [expression: string, problem: RegExp][] = [
    ['sum(rate(sluice_jobs_stale_total[5m]))', /there is no metric sluice_jobs_stale_total/],
    ['sluice_queue_jobs{name="chat"}', /sluice_queue_jobs has no label name/],
    ['max by (queu) (sluice_queue_jobs)', /nothing there has the label queu/],
    ['sluice_queue_jobs and on (tenant) sluice_documents', /nothing there has the label tenant/],
    ['rate(sluice_job_wait_seconds[5m])', /there is no metric sluice_job_wait_seconds,/],
    [
      'histogram_quantile(0.9, sum by (queue) (rate(sluice_job_wait_seconds_bucket[5m])))',
      /needs the label le/,
    ],
    ['{job="gateway"}', /without naming the metric/],
    ['sum(rate(sluice_queue_jobs[5m])', /does not parse/],
  ];
  for (const [expression, problem] of WRONG)
    it(`could not ask ${expression}`, () => {
      assert.throws(() => readExpression(expression, catalogue), problem);
    });

  it('of scalers have one number as their answer', () => {
    for (const { where, expression } of questionsOfScalers())
      assert.equal(readExpression(expression, catalogue).labels.size, 0, where);
  });

  it('could not compare with a value that never is', () => {
    assert.equal(values.get('queue')?.has('chats'), false);
    assert.equal(values.get('queue')?.has('chat'), true);
  });
});

describe('alerts', () => {
  const runbooks = readFileSync(join(ROOT, 'docs/operations/runbooks.md'), 'utf8');
  const sections = [...runbooks.matchAll(/^## (\S+)$/gm)].map((match) => match[1]!);

  it('have a name of their own, a severity, a sentence and an explanation', () => {
    assert.ok(alerts.length > 20);
    assert.equal(new Set(alerts.map(({ alert }) => alert)).size, alerts.length);
    for (const { alert, labels, annotations } of alerts) {
      assert.match(alert ?? '', /^Sluice[A-Z]/);
      assert.ok(['critical', 'warning'].includes(labels['severity'] ?? ''), alert);
      assert.deepEqual(Object.keys(annotations), ['summary', 'description', 'runbook_url'], alert);
    }
  });

  it('lead to a section of the runbooks, and each section is of an alert', () => {
    for (const { alert, annotations } of alerts)
      assert.equal(annotations['runbook_url'], `docs/operations/runbooks.md#${alert?.toLowerCase()}`);
    assert.deepEqual(new Set(sections), new Set(alerts.map(({ alert }) => alert)));
  });

  it('have in their runbook what users see, what it means, what to do and when it is over', () => {
    for (const section of runbooks.split(/^## /m).slice(1)) {
      const parts = [...section.matchAll(/^\*\*(Users see|It means|Do|Over when)\*\*/gm)].map(
        (match) => match[1],
      );
      assert.deepEqual(parts, ['Users see', 'It means', 'Do', 'Over when'], section.split('\n')[0]);
    }
  });
});

describe('runbooks', () => {
  const runbooks = readFileSync(join(ROOT, 'docs/operations/runbooks.md'), 'utf8');

  it('search the logs for words that are logged', () => {
    const source = ['shared/src', 'services']
      .flatMap((folder) =>
        readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
          .filter(
            (name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.includes('node_modules'),
          )
          .map((name) => readFileSync(join(ROOT, folder, name), 'utf8')),
      )
      .join('\n');
    const searched = [...runbooks.matchAll(/grep '"?([a-z ]+)"?'/g)].map((match) => match[1]!);
    assert.ok(searched.length >= 5);
    for (const words of searched) assert.ok(source.includes(`'${words}'`), words);
    for (const words of [
      'could not start',
      'drain took too long',
      'Redis connection lost: reconnecting',
      'model circuit closed',
    ])
      assert.ok(runbooks.includes(words) && source.includes(words), words);
  });

  it('speak of error codes that there are', () => {
    const api = readFileSync(join(ROOT, 'docs/api.md'), 'utf8');
    const documents = Object.keys(DOCUMENT_ERROR_STATUS);
    const codes = [
      ...runbooks.matchAll(
        /`((?:[a-z]+_)+(?:unavailable|requests?|lost|waiting|limit|text|type|mismatch|large|worker))`/g,
      ),
    ];
    assert.ok(codes.length > 10);
    for (const [, code = ''] of codes)
      assert.ok(documents.includes(code) || api.includes(`\`${code}\``), `there is no code ${code}`);
  });

  it('call routes that there are', () => {
    const api = readFileSync(join(ROOT, 'docs/api.md'), 'utf8');
    for (const [, path = ''] of runbooks.matchAll(/\bapi (\/api\/[^ `]+)/g))
      assert.ok(api.includes(`${path.replace('<id>', '{id}')}\``), path);
  });
});

describe('what the Prometheus operator takes', () => {
  it('is the same rules: run node deploy/observability/write-prometheus-rule.ts when this fails', () => {
    const path = join(OBSERVABILITY, 'kubernetes', 'prometheus-rule.yaml');
    assert.equal(readFileSync(path, 'utf8'), renderPrometheusRule());
  });

  it('has every dashboard, small enough for a ConfigMap', () => {
    const kustomization = readFileSync(join(OBSERVABILITY, 'kustomization.yaml'), 'utf8');
    for (const { name } of readDashboards())
      assert.ok(kustomization.includes(`- grafana/dashboards/${name}\n`), name);
    const size = readDashboards().reduce((total, { text }) => total + text.length, 0);
    assert.ok(size < 900_000, `${size} of at most a mebibyte`);
  });
});

describe('dashboards', () => {
  for (const { name, text, dashboard } of readDashboards())
    it(`${name} is whole: ids, places, units, sources`, () => {
      const { panels, templating } = dashboard;
      assert.equal(dashboard.uid, `sluice-${name.replace('.json', '')}`);
      assert.ok(dashboard.tags.includes('sluice'));
      assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length, 'ids are unique');
      assert.equal(templating.list[0]?.type, 'datasource');
      for (const panel of panels) {
        const { x, y, w, h } = panel.gridPos;
        assert.ok(x >= 0 && x + w <= 24 && w > 0 && h > 0, `${panel.title} is within the grid`);
        for (const other of panels.slice(panels.indexOf(panel) + 1)) {
          const at = other.gridPos;
          const apart = at.x >= x + w || x >= at.x + at.w || at.y >= y + h || y >= at.y + at.h;
          assert.ok(apart, `${panel.title} and ${other.title} overlap`);
        }
        if (panel.type === 'row') continue;
        assert.ok(
          ['timeseries', 'stat', 'table', 'heatmap'].includes(panel.type),
          `${panel.type} is no plugin`,
        );
        assert.ok((panel.description ?? '').length > 10, `${panel.title} says what it shows`);
        assert.ok(panel.fieldConfig, panel.title);
        assert.equal(panel.datasource?.uid, '${datasource}', panel.title);
        assert.ok(panel.targets.length > 0, panel.title);
        assert.equal(
          new Set(panel.targets.map(({ refId }) => refId)).size,
          panel.targets.length,
          panel.title,
        );
      }
      const variables = new Set(templating.list.map((variable) => variable.name));
      for (const [, used = ''] of text.matchAll(/\$\{?(?!__)([a-z]\w*)/g))
        assert.ok(variables.has(used), `there is no variable ${used}`);
      assert.doesNotMatch(text, /https?:\/\//, 'nothing is fetched from elsewhere');
    });
});
