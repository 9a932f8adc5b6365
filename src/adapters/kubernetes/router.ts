import type { Annotations } from '../../domain/annotations.ts';
import { type GatewayRef, type Route, type ServiceRef, type Side, sideName } from '../../domain/spec.ts';
import { TransientError } from '../../ports/errors.ts';
import type { TrafficRouter } from '../../ports/traffic-router.ts';
import { emptyBaseline, keepBaseline, keptBaselines } from './baseline-map.ts';
import type { KubernetesClients } from './clients.ts';
import { discover } from './discovery.ts';
import { assertFence, fenceOf, fieldManager } from './fence.ts';
import { type GatewayObject, gatewayResource } from './gateway-object.ts';
import { beginLook, lookAtSource, lookAtTarget, requireService } from './look.ts';
import { readGateway } from './objects.ts';
import {
  assertWeights,
  gatewayNudge,
  gatewayPatch,
  sealPatch,
  serviceNudge,
  servicePatch,
  type WeightPatch,
} from './patch.ts';
import { readSplit, writeSplit } from './splits.ts';
import { survey } from './survey.ts';

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
    read: (route) =>
      readable(async () => {
        const look = beginLook(clients);
        const sides = await Promise.all([lookAtSource(look, route.source), lookAtTarget(look, route.target)]);
        return { source: sides[0], target: sides[1] };
      }),
    write: async (route, side, weights, fence, mark) => {
      assertWeights(weights);
      await writeSide(clients, sideRef(route, side), fence, {
        service: (version, annotations) => servicePatch(version, annotations, weights, { fence, mark }),
        gateway: (gateway) => gatewayPatch(gateway, weights, { fence, mark }),
      });
    },
    readSplit: (route) => readable(() => readSplit(clients, route)),
    writeSplit: (route, split, fence) => writeSplit(clients, route, split, fence),
    seal: (route, side, fence) =>
      writeSide(clients, sideRef(route, side), fence, {
        service: (version) => sealPatch(version, fence),
        gateway: ({ metadata }) => sealPatch(metadata.resourceVersion, fence),
      }),
    nudge: (route, side, mark, fence) =>
      writeSide(clients, sideRef(route, side), fence, {
        service: (version) => serviceNudge(version, mark, fence),
        gateway: (gateway) => gatewayNudge(gateway, mark, fence),
      }),
    survey: (route) => readable(() => survey(clients, route)),
    discover: (side) => readable(() => discover(clients, side)),
    keepBaseline: (name, baseline, fence) => keepBaseline(clients, name, baseline, fence),
    readBaseline: async (name) => {
      const [newest] = await keptBaselines(clients, options.namespaces ?? null, name);
      if (newest?.problem) throw newest.problem;
      return newest?.baseline ?? null;
    },
    emptyBaseline: (name, baseline, fence) => emptyBaseline(clients, name, baseline, fence),
  };
}

/**
 * What a proxy in between, or half an answer, leaves of an object may lack what every object has. Nothing is known then,
 * which is another thing than a fault of ours, and may be better a moment later.
 * @throws TransientError in the place of the TypeError that reading such an object ends with
 */
async function readable<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof TypeError || cause instanceof RangeError)) throw cause;
    throw new TransientError(`a Kubernetes API answered with an object that cannot be read: ${cause.message}`, {
      cause,
    });
  }
}

function sideRef(route: Route, side: Side): ServiceRef | GatewayRef {
  return side === 'source' ? route.source : route.target;
}

/** The patch for the object as it was read a moment ago. */
interface Patching {
  readonly service: (resourceVersion: string, annotations: Annotations) => WeightPatch;
  readonly gateway: (gateway: GatewayObject) => WeightPatch;
}

function writeSide(
  clients: KubernetesClients,
  ref: ServiceRef | GatewayRef,
  fence: number,
  patching: Patching,
): Promise<void> {
  return ref.kind === 'service'
    ? writeService(clients, ref, fence, patching.service)
    : writeGateway(clients, ref, fence, patching.gateway);
}

async function writeService(
  clients: KubernetesClients,
  ref: ServiceRef,
  fence: number,
  patchOf: Patching['service'],
): Promise<void> {
  const cluster = clients.cluster(ref.cluster);
  const { namespace, name } = ref;
  const { metadata } = await requireService(cluster, ref);
  const annotations = metadata?.annotations ?? {};
  assertFence(`Service ${sideName(ref)}`, fenceOf(annotations), fence);
  const body = patchOf(metadata?.resourceVersion ?? '', annotations);
  await cluster.ask({ verb: 'patch', resource: 'services', namespace, name }, ({ core, mergePatch }) =>
    core.patchNamespacedService({ namespace, name, body, fieldManager }, mergePatch),
  );
}

async function writeGateway(
  clients: KubernetesClients,
  ref: GatewayRef,
  fence: number,
  patchOf: Patching['gateway'],
): Promise<void> {
  const mesh = clients.mesh(ref.mesh);
  const { namespace, name } = ref;
  const gateway = await readGateway(mesh, namespace, name);
  assertFence(`IstioGateway ${sideName(ref)}`, fenceOf(gateway.metadata.annotations ?? {}), fence);
  const body = patchOf(gateway);
  await mesh.ask({ verb: 'patch', resource: 'istiogateways', namespace, name }, ({ custom, mergePatch }) =>
    custom.patchNamespacedCustomObject({ ...gatewayResource, namespace, name, body, fieldManager }, mergePatch),
  );
}
