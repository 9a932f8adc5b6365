import * as v from 'valibot';
import type { KubernetesClient } from '../adapters/kubernetes/clients.ts';
import { type SourceScale, type SourceSide, selects } from '../domain/gateway/source-side.ts';

const texts = v.record(v.string(), v.string());
const deploymentSchema = v.object({
  metadata: v.object({ name: v.string() }),
  spec: v.object({
    replicas: v.optional(v.number(), 1),
    template: v.object({
      metadata: v.object({ labels: v.optional(texts, {}) }),
      spec: v.object({
        containers: v.array(v.object({ name: v.string(), resources: v.optional(v.record(v.string(), v.unknown())) })),
      }),
    }),
  }),
});
const autoscalerSchema = v.object({
  spec: v.object({
    scaleTargetRef: v.object({ kind: v.string(), name: v.string() }),
    minReplicas: v.optional(v.number(), 1),
    maxReplicas: v.number(),
    metrics: v.optional(
      v.array(
        v.object({
          resource: v.optional(
            v.object({ name: v.string(), target: v.object({ averageUtilization: v.optional(v.number()) }) }),
          ),
        }),
      ),
      [],
    ),
  }),
});

/** Of one kind in one namespace. */
const objectsMax = 500;

/**
 * How big the source is: its Deployment and what scales it; null where no Deployment has its pods.
 * @throws TerminalError where they may not be read
 */
export async function readScale(client: KubernetesClient, source: SourceSide): Promise<SourceScale | null> {
  const deployments = await list(client, source.namespace, { group: 'apps', version: 'v1', plural: 'deployments' });
  const found = deployments.flatMap((item) => {
    const parsed = v.safeParse(deploymentSchema, item);
    return parsed.success && selects(source.selector, parsed.output.spec.template.metadata.labels)
      ? [parsed.output]
      : [];
  });
  const [deployment] = found;
  if (deployment === undefined) return null;
  const autoscalers = await list(client, source.namespace, {
    ...{ group: 'autoscaling', version: 'v2', plural: 'horizontalpodautoscalers' },
  });
  const autoscaler = autoscalers
    .flatMap((item) => {
      const parsed = v.safeParse(autoscalerSchema, item);
      return parsed.success ? [parsed.output.spec] : [];
    })
    .find(({ scaleTargetRef: { kind, name } }) => kind === 'Deployment' && name === deployment.metadata.name);
  const { containers } = deployment.spec.template.spec;
  const proxy = containers.find(({ name }) => name === 'istio-proxy') ?? containers[0];
  return {
    replicas: deployment.spec.replicas,
    resources: limitsOf(proxy?.resources),
    autoscaler: autoscaler === undefined ? null : scalingOf(autoscaler),
  };
}

function scalingOf({ minReplicas, maxReplicas, metrics }: v.InferOutput<typeof autoscalerSchema>['spec']) {
  const cpu = metrics.find(({ resource }) => resource?.name === 'cpu')?.resource?.target.averageUtilization ?? null;
  return { min: minReplicas, max: maxReplicas, cpuPerCent: cpu };
}

function limitsOf(resources: Readonly<Record<string, unknown>> | undefined): SourceScale['resources'] {
  const { limits, requests } = resources ?? {};
  if (limits === undefined && requests === undefined) return null;
  return { ...(limits === undefined ? {} : { limits }), ...(requests === undefined ? {} : { requests }) };
}

interface Resource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
}

/** The generated client's custom objects are any objects by their group: one more client for two kinds would be dearer. */
async function list(client: KubernetesClient, namespace: string, resource: Resource): Promise<readonly unknown[]> {
  const attempt = { verb: 'list', resource: resource.plural, namespace } as const;
  const answer: unknown = await client.find(attempt, ({ custom }) =>
    custom.listNamespacedCustomObject({ ...resource, namespace, limit: objectsMax }),
  );
  const parsed = v.safeParse(v.object({ items: v.array(v.unknown()) }), answer);
  return parsed.success ? parsed.output.items : [];
}
