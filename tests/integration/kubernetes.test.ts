import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { readVariables } from '../../dev/docs/variables.ts';
import { loadConfig as loadChatWorker } from '../../services/chat-worker/src/config.ts';
import { loadConfig as loadGateway } from '../../services/gateway/src/config.ts';
import { loadConfig as loadIngestWorker } from '../../services/ingest-worker/src/config.ts';
import { buildResources, KUBERNETES, noKustomize, selects } from '../helpers/kubernetes.ts';
import type { Resource, Selector, Workload } from '../helpers/kubernetes.ts';

const ROOT = join(KUBERNETES, '../..');
type Settings = { DRAIN_TIMEOUT_MS: number } & Record<string, unknown>;
const LOADERS: Record<string, () => Settings> = {
  gateway: loadGateway,
  'chat-worker': loadChatWorker,
  'ingest-worker': loadIngestWorker,
};
/** What is in no file, and what whoever installs it puts there. */
const SECRETS: Record<string, Record<string, string>> = {
  'sluice-secrets': { OPENAI_API_KEY: 'key', REDIS_URL: 'rediss://:password@redis.example.com:6379' },
  'sluice-api-keys': { SLUICE_API_KEY: 'key-of-the-test' },
};
const COMPONENT = 'app.kubernetes.io/component';
const MIB = 1024 ** 2;
const bytesOf = (quantity: string) =>
  Number.parseInt(quantity, 10) * (quantity.endsWith('Gi') ? 1024 * MIB : MIB);
if (noKustomize !== false) console.warn(noKustomize);

/** What the two examples leave out. */
const OTHERS = ['ingress'];

describe('deploy/kubernetes', { skip: noKustomize }, () => {
  let other: string;
  before(async () => {
    other = await mkdtemp(join(tmpdir(), 'sluice-kustomize-'));
    const lead = (path: string) => relative(other, join(KUBERNETES, path));
    const components = OTHERS.map((name) => lead(`components/${name}`));
    await writeFile(
      join(other, 'kustomization.yaml'),
      JSON.stringify({ resources: [lead('base')], components }),
    );
  });
  after(() => rm(other, { recursive: true, force: true }));

  it('is all in use: each component is in one of the overlays that are tested here', () => {
    const used = ['overlays/small', 'overlays/production']
      .map((overlay) => readFileSync(join(KUBERNETES, overlay, 'kustomization.yaml'), 'utf8'))
      .join('');
    for (const name of readdirSync(join(KUBERNETES, 'components')))
      assert.ok(OTHERS.includes(name) || used.includes(`components/${name}\n`), name);
  });

  for (const overlay of ['base', 'overlays/small', 'overlays/production', 'other'])
    describe(overlay, () => {
      let resources: Resource[];
      let workloads: Workload[];
      before(() => {
        resources = buildResources(overlay === 'other' ? other : join(KUBERNETES, overlay));
        workloads = ofKind('Deployment').concat(ofKind('StatefulSet')) as Workload[];
      });
      const ofKind = <K extends Resource['kind']>(kind: K) =>
        resources.filter((resource): resource is Extract<Resource, { kind: K }> => resource.kind === kind);
      const podsOf = (selector: Selector) =>
        workloads.filter(({ spec }) => selects(selector, spec.template.metadata.labels));
      const named = (name: string) => workloads.find(({ metadata }) => metadata.name === name)!;
      const portsOf = (workload: Workload) => workload.spec.template.spec.containers[0].ports;

      it('has the three services, and selectors that mean what they should', () => {
        for (const name of Object.keys(LOADERS)) assert.ok(named(name), name);
        for (const workload of workloads) {
          const { selector, template } = workload.spec;
          assert.deepEqual(podsOf(selector), [workload], `${workload.metadata.name} selects itself alone`);
          for (const { labelSelector } of template.spec.topologySpreadConstraints)
            assert.deepEqual(podsOf(labelSelector), [workload]);
        }
        for (const { metadata, spec } of ofKind('PodDisruptionBudget'))
          assert.deepEqual(podsOf(spec.selector), [named(metadata.name)]);
      });

      it('has ports that there are', () => {
        for (const { metadata, spec } of ofKind('Service')) {
          const [workload] = podsOf({ matchLabels: spec.selector, matchExpressions: [] });
          assert.ok(workload, `${metadata.name} has pods`);
          for (const { targetPort } of spec.ports)
            assert.ok(
              portsOf(workload).some(({ name }) => name === targetPort),
              `${metadata.name} ${targetPort}`,
            );
        }
        for (const workload of workloads) {
          const { startupProbe, readinessProbe, livenessProbe } = workload.spec.template.spec.containers[0];
          for (const { httpGet } of [startupProbe, readinessProbe, livenessProbe].filter(
            (probe) => !!probe,
          )) {
            if (!httpGet) continue;
            assert.ok(['/healthz', '/readyz'].includes(httpGet.path), httpGet.path);
            assert.ok(
              portsOf(workload).some(({ name }) => name === httpGet.port),
              httpGet.port,
            );
          }
        }
        for (const { spec } of ofKind('PodMonitor')) {
          assert.equal(spec.jobLabel, COMPONENT);
          const ports = podsOf(spec.selector)
            .flatMap(portsOf)
            .map(({ name }) => name);
          assert.deepEqual(new Set(spec.podMetricsEndpoints.map(({ port }) => port)), new Set(ports));
          assert.equal(podsOf(spec.selector).length, 3);
        }
      });

      it('has mounts for its volumes, and volumes for its mounts', () => {
        const claims = ofKind('PersistentVolumeClaim').map(({ metadata }) => metadata.name);
        for (const { metadata, spec } of workloads) {
          const { volumes, containers } = spec.template.spec;
          const names = [
            ...volumes.map(({ name }) => name),
            ...spec.volumeClaimTemplates.map((t) => t.metadata.name),
          ];
          assert.deepEqual(
            new Set(containers[0].volumeMounts.map(({ name }) => name)),
            new Set(names),
            metadata.name,
          );
          for (const { persistentVolumeClaim } of volumes as {
            persistentVolumeClaim?: { claimName: string };
          }[])
            if (persistentVolumeClaim) assert.ok(claims.includes(persistentVolumeClaim.claimName));
        }
      });

      it('scales workloads that there are, and leaves their number to the scaler', () => {
        const scalers = resources.filter(
          (resource) => 'scaleTargetRef' in ((resource.spec as object | undefined) ?? {}),
        );
        assert.ok(scalers.length > 0);
        for (const { spec } of scalers) {
          const { name } = (spec as { scaleTargetRef: { name: string } }).scaleTargetRef;
          assert.ok(named(name), name);
          assert.equal(named(name).spec.replicas, undefined, name);
        }
      });

      it('lets nobody talk but who must', () => {
        const policies = ofKind('NetworkPolicy');
        const deny = policies.find(({ metadata }) => metadata.name === 'default-deny');
        assert.deepEqual(deny?.spec.podSelector, { matchLabels: {}, matchExpressions: [] });
        assert.deepEqual(deny.spec.policyTypes, ['Ingress', 'Egress']);
        const dns = policies.find(({ metadata }) => metadata.name === 'dns');
        // kustomize's labels would be added here too, and then nobody could resolve a name.
        assert.deepEqual(dns?.spec.egress[0]?.to[0]?.podSelector?.matchLabels, { 'k8s-app': 'kube-dns' });
        for (const { metadata, spec } of policies) {
          const pods = podsOf(spec.podSelector);
          assert.ok(pods.length > 0, `${metadata.name} is about somebody`);
          for (const { from, ports } of spec.ingress) {
            for (const { podSelector, namespaceSelector } of from)
              if (podSelector && !namespaceSelector) assert.ok(podsOf(podSelector).length > 0, metadata.name);
            for (const { port } of ports)
              assert.ok(
                pods.flatMap(portsOf).some(({ name }) => name === port),
                `${metadata.name} ${port}`,
              );
          }
          for (const { to, ports } of spec.egress)
            for (const { podSelector, namespaceSelector } of to) {
              if (!podSelector || namespaceSelector) continue;
              const others = podsOf(podSelector);
              for (const { port } of ports)
                assert.ok(
                  others.flatMap(portsOf).some(({ name }) => name === port),
                  `${metadata.name} ${port}`,
                );
            }
        }
      });

      it('runs programs that there are, with nothing that they need not have', () => {
        for (const workload of workloads) {
          const { name } = workload.metadata;
          const [{ command, securityContext }] = workload.spec.template.spec.containers;
          assert.equal(securityContext.readOnlyRootFilesystem, name !== 'qdrant', name);
          if (name in LOADERS) assert.ok(existsSync(join(ROOT, command?.[1] ?? '')), command?.join(' '));
        }
      });

      it('gives every service settings that it takes, and time to drain with them', () => {
        const variables = readVariables().flatMap((group) => group.variables);
        for (const workload of workloads) {
          const { name } = workload.metadata;
          if (!(name in LOADERS)) continue;
          const { containers, terminationGracePeriodSeconds } = workload.spec.template.spec;
          const [{ env, envFrom, lifecycle, resources: needs }] = containers;
          const maps = envFrom.map((source) => {
            if ('secretRef' in source) return SECRETS[source.secretRef.name]!;
            return ofKind('ConfigMap').find(({ metadata }) => metadata.name === source.configMapRef.name)!
              .data;
          });
          for (const variable of [...maps.flatMap(Object.keys), ...env.map((entry) => entry.name)])
            assert.ok(
              variables.some((known) => known.name === variable),
              `there is no setting ${variable}`,
            );
          for (const { name: variable } of env)
            assert.ok(variables.find((known) => known.name === variable)?.readers.includes(name), variable);

          const own = Object.fromEntries(env.map((entry) => [entry.name, entry.value]));
          const settings = loadWith(LOADERS[name]!, Object.assign({}, ...maps, own));
          const pause = Number(lifecycle?.preStop.exec.command[1]);
          assert.ok(terminationGracePeriodSeconds > pause + settings.DRAIN_TIMEOUT_MS / 1_000, name);
          const { SLUICE_API_KEY: key, HOST, HEALTH_HOST } = settings;
          assert.equal(
            settings[name === 'gateway' ? 'PORT' : 'HEALTH_PORT'],
            portsOf(workload)[0]?.containerPort,
          );
          assert.equal(name === 'gateway' ? HOST : HEALTH_HOST, '0.0.0.0');
          assert.equal(
            key,
            name === 'gateway' ? 'key-of-the-test' : undefined,
            'callers are the gateway’s alone',
          );
          if (name !== 'ingest-worker') continue;
          const extraction = Number(settings['EXTRACT_MEMORY_MB']) * Number(settings['INGEST_CONCURRENCY']);
          assert.ok(
            bytesOf(needs.limits['memory'] ?? '') >= (extraction + 512) * MIB,
            'and the worker itself',
          );
        }
      });
    });

  it('uses the versions of Redis and Qdrant that docker-compose.yml does', () => {
    const compose = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8');
    for (const resource of buildResources(join(KUBERNETES, 'overlays/small')))
      if (resource.kind === 'StatefulSet') {
        const { image } = resource.spec.template.spec.containers[0];
        assert.ok(compose.includes(`image: ${image.replace('-unprivileged', '')}\n`), image);
      }
  });

  it('routes to the Service of the gateways', () => {
    const routes = [join(KUBERNETES, 'overlays/production'), other].map((folder) =>
      buildResources(folder).find(({ kind }) => kind === 'HTTPRoute' || kind === 'Ingress'),
    );
    for (const route of routes) {
      assert.ok(route);
      assert.match(
        JSON.stringify(route),
        /"(?:name":"gateway","port":80|service":\{"name":"gateway","port":\{"name":"http"\})/,
      );
    }
  });
});

function loadWith<T>(load: () => T, env: Record<string, string>): T {
  const real = process.env;
  process.env = env;
  try {
    return load();
  } finally {
    process.env = real;
  }
}
