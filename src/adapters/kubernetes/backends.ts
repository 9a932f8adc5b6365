import type { V1EndpointSlice, V1Node, V1Service } from '@kubernetes/client-node';
import type { Annotations } from '../../domain/annotations.ts';
import type { Backend, BackendMode } from '../../domain/backend-weights.ts';
import type { EndpointReading } from '../../domain/observation.ts';
import { controllerText, isEligible, isVirtual, serverIdOf } from './nodes.ts';

/** How a Service gets its backends; the backend-type annotation has one spelling only (reference A1, A2). */
export function modeOf(service: V1Service, fallback: 'eni' | 'ecs'): BackendMode {
  const type = service.metadata?.annotations?.['service.beta.kubernetes.io/backend-type'] || fallback;
  if (type === 'eni') return 'eni';
  return service.spec?.externalTrafficPolicy === 'Local' ? 'local' : 'cluster';
}

interface ReadyPod {
  readonly address: string;
  readonly node: string | null;
  /** By the name of a port, '' where it has none. */
  readonly ports: Map<string, number>;
}

/** Ready pods that are not on their way out, each address once: a pod may stand in two slices while they are rewritten. */
export function readyPodsOf(slices: readonly V1EndpointSlice[], annotations: Annotations): readonly ReadyPod[] {
  const wanted = controllerText(annotations, 'backend-ip-version') === 'ipv6' ? 'IPv6' : 'IPv4';
  const pods = new Map<string, ReadyPod>();
  for (const slice of slices) {
    if (slice.addressType !== wanted) continue;
    for (const { addresses, conditions, nodeName } of slice.endpoints ?? []) {
      if (conditions?.ready !== true || conditions.terminating === true) continue;
      for (const address of addresses) {
        const pod = pods.get(address) ?? { address, node: nodeName ?? null, ports: new Map() };
        for (const { name, port } of slice.ports ?? []) if (port !== undefined) pod.ports.set(name ?? '', port);
        pods.set(address, pod);
      }
    }
  }
  return [...pods.values()];
}

/** The backends that the cloud controller is to attach, by the Service's mode (reference A5). */
export function backendsOf(
  mode: BackendMode,
  pods: readonly ReadyPod[],
  nodes: readonly V1Node[],
  annotations: Annotations,
): readonly Backend[] {
  if (mode === 'eni') return pods.map(({ address }) => ({ address, pods: 1 }));
  const eligible = nodes.filter((node) => isEligible(node, annotations));
  const byName = new Map(eligible.map((node) => [node.metadata?.name ?? '', node]));
  const located = pods.map(({ address, node }) => ({ address, node: byName.get(node ?? '') ?? null }));
  const onVirtualNodes = located.flatMap(({ address, node }) =>
    node !== null && isVirtual(node) ? [{ address, pods: 1, isEci: true }] : [],
  );
  const podsOn = (node: V1Node): number => located.filter((pod) => pod.node === node).length;
  const servers = eligible
    .filter((node) => !isVirtual(node))
    .flatMap((node) => {
      const address = serverIdOf(node);
      const count = mode === 'local' ? podsOn(node) : 1;
      return address === null || count === 0 ? [] : [{ address, pods: count }];
    });
  return [...servers, ...onVirtualNodes];
}

/** Where a probe can ask: each ready pod with the port behind each port of the Service. */
export function endpointsOf(service: V1Service, pods: readonly ReadyPod[]): readonly EndpointReading[] {
  const ports = service.spec?.ports ?? [];
  return pods.map((pod) => ({
    address: pod.address,
    node: pod.node,
    targetPorts: Object.fromEntries(
      ports.flatMap(({ port, name, targetPort }) => {
        const target = pod.ports.get(name ?? '') ?? (typeof targetPort === 'number' ? targetPort : undefined);
        return target === undefined ? [] : [[port, target]];
      }),
    ),
  }));
}
