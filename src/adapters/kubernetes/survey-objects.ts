import type { V1Service } from '@kubernetes/client-node';
import * as v from 'valibot';
import type { WorkloadReading } from '../../domain/rollout.ts';
import { TerminalError } from '../../ports/errors.ts';
import type { Attempt } from './attempt.ts';
import type { KubernetesClient } from './clients.ts';
import { listAll } from './objects.ts';

/** Objects that only the survey reads, over the client for custom objects: it reads any group, and costs no further client. */
const labels = v.optional(v.nullable(v.record(v.string(), v.string())));

const count = v.optional(v.nullable(v.number()));

const deploymentSchema = v.object({
  metadata: v.object({ name: v.string(), generation: count }),
  spec: v.object({ template: v.object({ metadata: v.optional(v.nullable(v.object({ labels }))) }) }),
  status: v.optional(
    v.nullable(
      v.object({
        observedGeneration: count,
        replicas: count,
        updatedReplicas: count,
        conditions: v.optional(
          v.nullable(v.array(v.object({ type: v.string(), reason: v.optional(v.nullable(v.string())) }))),
        ),
      }),
    ),
  ),
});

const autoscalerSchema = v.object({
  metadata: v.object({ name: v.string() }),
  spec: v.object({
    scaleTargetRef: v.object({ kind: v.string(), name: v.string() }),
    minReplicas: v.optional(v.nullable(v.number())),
    maxReplicas: v.number(),
    behavior: v.optional(
      v.nullable(
        v.object({ scaleDown: v.optional(v.nullable(v.object({ selectPolicy: v.optional(v.nullable(v.string())) }))) }),
      ),
    ),
  }),
});

const apiServiceSchema = v.object({
  spec: v.object({
    service: v.optional(v.nullable(v.object({ namespace: v.optional(v.string()), name: v.optional(v.string()) }))),
  }),
});

export interface Deployment extends WorkloadReading {
  readonly podLabels: Readonly<Record<string, string>>;
}

/** A HorizontalPodAutoscaler with what it scales. */
export interface ScaledObject {
  readonly name: string;
  readonly kind: string;
  readonly workload: string;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly neverShrinks: boolean;
}

export async function listDeployments(client: KubernetesClient, namespace: string): Promise<readonly Deployment[]> {
  const attempt = { verb: 'list', resource: 'deployments', namespace } as const;
  const found = await listOf(client, deploymentSchema, attempt, { group: 'apps', version: 'v1' });
  return found.map(({ metadata, spec, status }) => ({
    name: metadata.name,
    generation: metadata.generation ?? 0,
    observedGeneration: status?.observedGeneration ?? 0,
    replicas: status?.replicas ?? 0,
    updatedReplicas: status?.updatedReplicas ?? 0,
    progress: status?.conditions?.find(({ type }) => type === 'Progressing')?.reason ?? null,
    podLabels: spec.template.metadata?.labels ?? {},
  }));
}

/** A Service without a selector picks nothing: its endpoints are somebody's own list. */
export function picks({ spec }: V1Service, { podLabels }: Deployment): boolean {
  const wanted = Object.entries(spec?.selector ?? {});
  return wanted.length > 0 && wanted.every(([key, value]) => podLabels[key] === value);
}

export async function listAutoscalers(client: KubernetesClient, namespace: string): Promise<readonly ScaledObject[]> {
  const attempt = { verb: 'list', resource: 'horizontalpodautoscalers', namespace } as const;
  const found = await listOf(client, autoscalerSchema, attempt, { group: 'autoscaling', version: 'v2' });
  return found.map(({ metadata, spec }) => ({
    name: metadata.name,
    kind: spec.scaleTargetRef.kind,
    workload: spec.scaleTargetRef.name,
    minReplicas: spec.minReplicas ?? 1,
    maxReplicas: spec.maxReplicas,
    neverShrinks: spec.behavior?.scaleDown?.selectPolicy === 'Disabled',
  }));
}

const istioVersions = ['v1', 'v1beta1', 'v1alpha3'] as const;

/** `<namespace>/<name>` of the Service that an API server hands networking.istio.io on to, null where it serves it itself. */
export async function aggregatedBy(client: KubernetesClient): Promise<string | null> {
  const found = await Promise.all(
    istioVersions.map(async (version) => {
      const name = `${version}.networking.istio.io`;
      const attempt = { verb: 'get', resource: 'apiservices', namespace: null, name } as const;
      const resource = { group: 'apiregistration.k8s.io', version: 'v1', plural: 'apiservices', name };
      const object: unknown = await client.find(attempt, ({ custom }) => custom.getClusterCustomObject(resource));
      if (object === null) return null;
      const { service } = parse(apiServiceSchema, object, `APIService ${name}`).spec;
      return service == null ? null : `${service.namespace ?? ''}/${service.name ?? ''}`;
    }),
  );
  return found.find((one) => one !== null) ?? null;
}

interface Listing {
  readonly items: readonly unknown[];
  readonly metadata?: { readonly continue?: string };
}

async function listOf<Schema extends v.GenericSchema>(
  client: KubernetesClient,
  schema: Schema,
  attempt: Attempt & { readonly namespace: string },
  group: { readonly group: string; readonly version: string },
): Promise<readonly v.InferOutput<Schema>[]> {
  const { namespace, resource: plural } = attempt;
  const items = await listAll(client, attempt, async ({ custom }, paging) => {
    const listing = (await custom.listNamespacedCustomObject({ ...group, plural, namespace, ...paging })) as Listing;
    const next = listing.metadata?.continue;
    return { items: listing.items, metadata: next === undefined ? {} : { _continue: next } };
  });
  return items.map((item) => parse(schema, item, `one of the ${plural} of ${namespace}`));
}

function parse<Schema extends v.GenericSchema>(schema: Schema, object: unknown, name: string): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, object);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new TerminalError(`${name}: ${v.getDotPath(issue) ?? 'the object'}: ${issue.message.slice(0, 200)}`);
}
