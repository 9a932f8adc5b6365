import type { CarrierWeights } from '../../domain/agreement.ts';
import { type GatewayRef, type Route, type ServiceRef, type Side, sideName } from '../../domain/spec.ts';
import type { TrafficRouter } from '../../ports/traffic-router.ts';
import { emptyBaseline, keepBaseline, keptBaselines } from './baseline-map.ts';
import type { KubernetesClients } from './clients.ts';
import { discover } from './discovery.ts';
import { assertFence, fenceOf, fieldManager } from './fence.ts';
import { gatewayResource } from './gateway-object.ts';
import { beginLook, lookAtSource, lookAtTarget, requireService } from './look.ts';
import { readGateway } from './objects.ts';
import { assertWeights, gatewayPatch, servicePatch } from './patch.ts';
import { readSplit, writeSplit } from './splits.ts';

export interface RouterOptions {
  /**
   * Where kept baselines are looked for, in every cluster. Without it in all namespaces, which needs the right to list
   * ConfigMaps there: a way back that is overlooked would be worse than one that is refused.
   */
  readonly namespaces?: readonly string[] | null;
}

/** The weight annotations on the real Kubernetes APIs. */
export function kubernetesRouter(clients: KubernetesClients, options: RouterOptions = {}): TrafficRouter {
  return {
    read: async (route) => {
      const look = beginLook(clients);
      const [source, target] = await Promise.all([lookAtSource(look, route.source), lookAtTarget(look, route.target)]);
      return { source, target };
    },
    write: async (route, side, weights, fence) => {
      assertWeights(weights);
      const ref = sideRef(route, side);
      if (ref.kind === 'service') await writeService(clients, ref, weights, fence);
      else await writeGateway(clients, ref, weights, fence);
    },
    readSplit: (route) => readSplit(clients, route),
    writeSplit: (route, split, fence) => writeSplit(clients, route, split, fence),
    discover: (side) => discover(clients, side),
    keepBaseline: (name, baseline, fence) => keepBaseline(clients, name, baseline, fence),
    readBaseline: async (name) => {
      const [newest] = await keptBaselines(clients, options.namespaces ?? null, name);
      if (newest?.problem) throw newest.problem;
      return newest?.baseline ?? null;
    },
    emptyBaseline: (name, baseline, fence) => emptyBaseline(clients, name, baseline, fence),
  };
}

function sideRef(route: Route, side: Side): ServiceRef | GatewayRef {
  return side === 'source' ? route.source : route.target;
}

async function writeService(
  clients: KubernetesClients,
  ref: ServiceRef,
  weights: CarrierWeights,
  fence: number,
): Promise<void> {
  const cluster = clients.cluster(ref.cluster);
  const { namespace, name } = ref;
  const { metadata } = await requireService(cluster, ref);
  const annotations = metadata?.annotations ?? {};
  assertFence(`Service ${sideName(ref)}`, fenceOf(annotations), fence);
  const body = servicePatch(metadata?.resourceVersion ?? '', annotations, weights, fence);
  await cluster.ask({ verb: 'patch', resource: 'services', namespace, name }, ({ core, mergePatch }) =>
    core.patchNamespacedService({ namespace, name, body, fieldManager }, mergePatch),
  );
}

async function writeGateway(
  clients: KubernetesClients,
  ref: GatewayRef,
  weights: CarrierWeights,
  fence: number,
): Promise<void> {
  const mesh = clients.mesh(ref.mesh);
  const { namespace, name } = ref;
  const gateway = await readGateway(mesh, namespace, name);
  assertFence(`IstioGateway ${sideName(ref)}`, fenceOf(gateway.metadata.annotations ?? {}), fence);
  const body = gatewayPatch(gateway, weights, fence);
  await mesh.ask({ verb: 'patch', resource: 'istiogateways', namespace, name }, ({ custom, mergePatch }) =>
    custom.patchNamespacedCustomObject({ ...gatewayResource, namespace, name, body, fieldManager }, mergePatch),
  );
}
