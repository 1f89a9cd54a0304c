import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import { z } from 'zod';

import { findFreePort } from '../../dev/ports.ts';
import { collectEvents, postJson } from '../helpers/api.ts';
import { OBSERVABILITY, questionsOfDashboards, questionsOfScalers } from '../helpers/observability.ts';
import { waitFor } from '../helpers/poll.ts';
import type { TestService } from '../helpers/process.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';
import { trackProcess } from '../helpers/track.ts';

const KEY = 'key-of-the-test';
const has = (program: string) => spawnSync(program, ['--version']).status === 0;
/** Both come with Debian's and Ubuntu's package `prometheus`. */
const missing = ['promtool', 'prometheus'].filter((program) => !has(program));
const skip =
  missing.length > 0
    ? `NOT CHECKED with a real Prometheus: ${missing.join(' and ')} not found. apt-get install prometheus`
    : false;
if (skip !== false) console.warn(skip);

describe('promtool', { skip }, () => {
  const promtool = (...args: string[]) =>
    spawnSync('promtool', args, { cwd: OBSERVABILITY, encoding: 'utf8' });

  for (const file of ['availability', 'chat', 'documents', 'queues', 'recording'])
    it(`takes rules/${file}.yml`, () => {
      const { status, stdout, stderr } = promtool('check', 'rules', `rules/${file}.yml`);
      assert.equal(status, 0, stdout + stderr);
    });

  it('takes prometheus.yml', () => {
    const { status, stdout, stderr } = promtool('check', 'config', '--syntax-only', 'prometheus.yml');
    assert.equal(status, 0, stdout + stderr);
  });

  for (const file of ['alerts', 'memory'])
    it(`sees alerts go on and off as they should (tests/${file}.yml)`, () => {
      const { status, stdout, stderr } = promtool('test', 'rules', `tests/${file}.yml`);
      assert.equal(status, 0, stdout + stderr);
    });
});

const answerSchema = z.object({ status: z.literal('success'), data: z.unknown() });
const targetsSchema = z.object({
  activeTargets: z.array(
    z.object({ labels: z.object({ job: z.string() }), health: z.string(), lastError: z.string() }),
  ),
});
const rulesSchema = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          name: z.string(),
          health: z.string(),
          lastError: z.string().optional(),
          type: z.string(),
        }),
      ),
    }),
  ),
});
const vectorSchema = z.object({
  result: z.array(
    z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) }),
  ),
});

describe('a real Prometheus', { skip }, () => {
  const cleanup = new AsyncDisposableStack();
  let stack: TestStack;
  let worker: TestService;
  let url: string;
  const query = async <T>(path: string, schema: z.ZodType<T>): Promise<T> => {
    const answer = await (await fetch(`${url}/api/v1/${path}`)).json();
    return schema.parse(answerSchema.parse(answer).data);
  };
  const ask = (expression: string) => query(`query?query=${encodeURIComponent(expression)}`, vectorSchema);

  before(async () => {
    stack = cleanup.use(await startStack({ services: [], env: { SLUICE_API_KEY: KEY } }));
    worker = await stack.start('chat-worker');
    const ports = {
      gateway: stack.gateway.port,
      'chat-worker': worker.port,
      'ingest-worker': (await stack.start('ingest-worker')).port,
    };
    url = await startPrometheus(cleanup, ports);
    const chat = { stream: true, messages: [{ role: 'user', content: '你是谁？' }] };
    const headers = { Authorization: `Bearer ${KEY}` };
    await collectEvents(await postJson(`${stack.url}/api/chat`, chat, headers));
  });
  after(() => cleanup.disposeAsync());

  it('reaches every process, the gateway with its key', async () => {
    const seen = async () =>
      (await query('targets', targetsSchema)).activeTargets
        .map(({ labels, health, lastError }) => `${labels.job} ${health} ${lastError}`)
        .sort();
    const wanted = ['chat-worker up ', 'gateway up ', 'ingest-worker up ', 'prometheus up '];
    await waitFor(async () => (await seen()).join() === wanted.join(), {
      what: 'all targets to be up',
    }).catch(() => undefined);
    assert.deepEqual(await seen(), wanted);
  });

  it('evaluates every rule, and rings for none while all is well', async () => {
    const rules = async () => (await query('rules', rulesSchema)).groups.flatMap((group) => group.rules);
    await waitFor(async () => (await rules()).every(({ health }) => health !== 'unknown'), {
      what: 'all rules to be evaluated',
    });
    assert.deepEqual(
      (await rules()).filter(({ health }) => health !== 'ok'),
      [],
    );
    await waitFor(async () => (await ask('sluice:queue_workers:max')).result.length === 3, {
      what: 'the workers of three queues',
    });
    // Those that speak of what is not there begin to, until the first scrapes are in.
    await waitFor(async () => (await ask('ALERTS')).result.length === 0, {
      what: 'alerts that wait for the first scrapes to go',
    }).catch(() => undefined);
    assert.deepEqual((await ask('ALERTS')).result, []);
  });

  it('keeps our labels: work is not renamed, as job would be', async () => {
    await waitFor(
      async () => (await ask('sluice_jobs_ended_total{work="chat", job="chat-worker"}')).result.length === 1,
      {
        what: 'the chat to be counted',
      },
    );
    assert.deepEqual((await ask('count({__name__=~".+", exported_job!=""})')).result, []);
    assert.deepEqual((await ask('count({__name__=~".+", exported_instance!=""})')).result, []);
  });

  it('rings when the last chat-worker is killed', async () => {
    await worker.kill();
    const ringing = async () =>
      (await ask('ALERTS')).result
        .map(({ metric }) => metric['alertname'] ?? '')
        .toSorted((a, b) => a.localeCompare(b));
    const wanted = ['SluiceNoWorkers', 'SluiceNoWorkers', 'SluiceProcessDown'];
    await waitFor(async () => (await ringing()).join() === wanted.join(), {
      what: 'alerts about both queues and the process',
    }).catch(() => undefined);
    assert.deepEqual(await ringing(), wanted);
  });

  it('answers every question of the dashboards and the scalers', async () => {
    for (const { where, expression } of [...questionsOfDashboards(), ...questionsOfScalers()])
      await assert.doesNotReject(ask(expression.replaceAll(/\$\w+/g, '.*')), where);
  });
});

/** The product's own configuration, but for where things are and for how long nothing happens. */
async function startPrometheus(
  cleanup: AsyncDisposableStack,
  services: Record<string, number>,
): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-prometheus-'));
  cleanup.defer(() => rm(dir, { recursive: true, force: true }));
  const port = await findFreePort();
  const ports: Record<string, number> = { ...services, prometheus: port };

  const config = configSchema.parse(parse(await readFile(join(OBSERVABILITY, 'prometheus.yml'), 'utf8')));
  config.global = { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' };
  config.rule_files = [join(OBSERVABILITY, 'rules', '*.yml')];
  // Redis is watched by a program that this machine need not have.
  config.scrape_configs = config.scrape_configs.filter(({ job_name }) => job_name !== 'redis');
  for (const job of config.scrape_configs) {
    delete job.dns_sd_configs;
    job.static_configs = [{ targets: [`127.0.0.1:${ports[job.job_name]}`] }];
    if (job.authorization) job.authorization.credentials_file = join(dir, 'gateway-key');
  }
  await writeFile(join(dir, 'gateway-key'), KEY);
  await writeFile(join(dir, 'prometheus.yml'), stringify(config));

  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(dir, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  trackProcess(child, 'prometheus');
  cleanup.defer(async () => {
    if (child.exitCode !== null) return;
    child.kill();
    await once(child, 'exit');
  });
  let log = '';
  child.stderr.on('data', (data: Buffer) => (log += data.toString()));
  const url = `http://127.0.0.1:${port}`;
  await waitFor(
    async () => {
      assert.equal(child.exitCode, null, log);
      return (await fetch(`${url}/-/ready`).catch(() => undefined))?.ok === true;
    },
    { what: 'Prometheus to be ready' },
  );
  return url;
}

const configSchema = z.looseObject({
  global: z.record(z.string(), z.string()),
  rule_files: z.array(z.string()),
  scrape_configs: z.array(
    z.looseObject({
      job_name: z.string(),
      authorization: z.object({ credentials_file: z.string() }).optional(),
      dns_sd_configs: z.unknown().optional(),
      static_configs: z.array(z.object({ targets: z.array(z.string()) })).optional(),
    }),
  ),
});
