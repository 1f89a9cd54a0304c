import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';

const ROOT = dirname(dirname(import.meta.dirname));
export const KUBERNETES = join(ROOT, 'deploy', 'kubernetes');

const labelsSchema = z.record(z.string(), z.string());
const selectorSchema = z.strictObject({
  matchLabels: labelsSchema.default({}),
  matchExpressions: z
    .array(z.strictObject({ key: z.string(), operator: z.literal('In'), values: z.array(z.string()) }))
    .default([]),
});
/** What pods a selector means. */
export type Selector = z.output<typeof selectorSchema>;

const peerSchema = z.strictObject({
  podSelector: selectorSchema.optional(),
  namespaceSelector: selectorSchema.optional(),
  ipBlock: z.unknown().optional(),
});
const portsSchema = z.array(
  z.strictObject({ protocol: z.enum(['TCP', 'UDP']), port: z.union([z.string(), z.int()]) }),
);
const probeSchema = z.looseObject({
  httpGet: z.strictObject({ path: z.string(), port: z.string() }).optional(),
});

const containerSchema = z.looseObject({
  name: z.string(),
  image: z.string(),
  command: z.array(z.string()).optional(),
  env: z.array(z.strictObject({ name: z.string(), value: z.string() })).default([]),
  envFrom: z
    .array(
      z.union([
        z.strictObject({ configMapRef: z.strictObject({ name: z.string() }) }),
        z.strictObject({ secretRef: z.strictObject({ name: z.string() }) }),
      ]),
    )
    .default([]),
  ports: z.array(z.strictObject({ name: z.string(), containerPort: z.int() })),
  startupProbe: probeSchema.optional(),
  readinessProbe: probeSchema,
  livenessProbe: probeSchema.optional(),
  lifecycle: z
    .strictObject({
      preStop: z.strictObject({ exec: z.strictObject({ command: z.tuple([z.string(), z.string()]) }) }),
    })
    .optional(),
  resources: z.strictObject({ requests: labelsSchema, limits: labelsSchema }),
  securityContext: z.looseObject({
    allowPrivilegeEscalation: z.literal(false),
    capabilities: z.strictObject({ drop: z.tuple([z.literal('ALL')]) }),
    readOnlyRootFilesystem: z.boolean().default(false),
  }),
  volumeMounts: z.array(z.strictObject({ name: z.string(), mountPath: z.string() })),
});

const metadataSchema = z.looseObject({ name: z.string(), labels: labelsSchema.default({}) });
const workloadSchema = z.looseObject({
  kind: z.enum(['Deployment', 'StatefulSet']),
  metadata: metadataSchema,
  spec: z.looseObject({
    replicas: z.int().optional(),
    selector: selectorSchema,
    template: z.object({
      metadata: z.looseObject({ labels: labelsSchema }),
      spec: z.looseObject({
        automountServiceAccountToken: z.literal(false),
        terminationGracePeriodSeconds: z.int(),
        topologySpreadConstraints: z.array(z.looseObject({ labelSelector: selectorSchema })).default([]),
        securityContext: z.looseObject({
          runAsNonRoot: z.literal(true),
          seccompProfile: z.strictObject({ type: z.literal('RuntimeDefault') }),
        }),
        containers: z.tuple([containerSchema]),
        volumes: z.array(z.looseObject({ name: z.string() })).default([]),
      }),
    }),
    volumeClaimTemplates: z.array(z.looseObject({ metadata: metadataSchema })).default([]),
  }),
});
/** A Deployment or a StatefulSet. */
export type Workload = z.output<typeof workloadSchema>;

const targetSchema = z.looseObject({ name: z.string() });
const resourceSchema = z.discriminatedUnion('kind', [
  workloadSchema,
  z.looseObject({
    kind: z.literal('Service'),
    metadata: metadataSchema,
    spec: z.looseObject({
      selector: labelsSchema,
      ports: z.array(z.looseObject({ name: z.string(), port: z.int(), targetPort: z.string() })),
    }),
  }),
  z.looseObject({
    kind: z.literal('PodDisruptionBudget'),
    metadata: metadataSchema,
    spec: z.strictObject({ maxUnavailable: z.int(), selector: selectorSchema }),
  }),
  z.looseObject({
    kind: z.literal(['HorizontalPodAutoscaler', 'ScaledObject']),
    metadata: metadataSchema,
    spec: z.looseObject({ scaleTargetRef: targetSchema }),
  }),
  z.looseObject({
    kind: z.literal('NetworkPolicy'),
    metadata: metadataSchema,
    spec: z.strictObject({
      podSelector: selectorSchema,
      policyTypes: z.array(z.enum(['Ingress', 'Egress'])),
      ingress: z.array(z.strictObject({ from: z.array(peerSchema), ports: portsSchema })).default([]),
      egress: z.array(z.strictObject({ to: z.array(peerSchema), ports: portsSchema })).default([]),
    }),
  }),
  z.looseObject({
    kind: z.literal('ConfigMap'),
    metadata: metadataSchema,
    data: z.record(z.string(), z.string()),
  }),
  z.looseObject({ kind: z.literal('PersistentVolumeClaim'), metadata: metadataSchema }),
  z.looseObject({ kind: z.literal('Namespace'), metadata: metadataSchema }),
  z.looseObject({
    kind: z.literal('PodMonitor'),
    metadata: metadataSchema,
    spec: z.looseObject({
      jobLabel: z.string(),
      selector: selectorSchema,
      podMetricsEndpoints: z.array(z.looseObject({ port: z.string() })),
    }),
  }),
  z.looseObject({ kind: z.literal('PrometheusRule'), metadata: metadataSchema }),
  z.looseObject({
    kind: z.literal(['HTTPRoute', 'Ingress']),
    metadata: metadataSchema,
    spec: z.record(z.string(), z.unknown()),
  }),
]);
/** What kustomize makes of a folder. */
export type Resource = z.output<typeof resourceSchema>;

/** Builds with what this machine has: kubectl has kustomize in it. */
const BUILDERS = [
  ['kubectl', 'kustomize'],
  ['kustomize', 'build'],
] as const;
const builder = BUILDERS.find(([program]) => spawnSync(program, ['version', '--help']).status === 0);

/** For `describe(…, { skip: noKustomize }, …)`: why nothing can be built here; false where it can. */
export const noKustomize =
  builder === undefined && 'NOT CHECKED what deploy/kubernetes gives: kubectl and kustomize not found';

/**
 * Builds a folder and reads what comes out.
 *
 * @throws {Error} with what kustomize says, or where a resource is not of the form that is expected here
 */
export function buildResources(folder: string): Resource[] {
  const [program, command] = builder!;
  const { status, stdout, stderr } = spawnSync(program, [command, folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout).map((document) => {
    const resource = document.toJS() as { kind: string };
    const parsed = resourceSchema.safeParse(resource);
    if (parsed.success) return parsed.data;
    throw new Error(`${resource.kind}: ${z.prettifyError(parsed.error)}`);
  });
}

/** Whether a selector means pods with these labels. */
export function selects(selector: Selector, labels: Record<string, string>): boolean {
  return (
    Object.entries(selector.matchLabels).every(([key, value]) => labels[key] === value) &&
    selector.matchExpressions.every(({ key, values }) => values.includes(labels[key] ?? ''))
  );
}
