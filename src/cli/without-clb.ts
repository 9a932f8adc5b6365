import { predictedWeights } from '../domain/agreement.ts';
import type { Baseline } from '../domain/baseline.ts';
import type { BackendReading, ServiceReading } from '../domain/observation.ts';
import type { PortMapping, Route, Side } from '../domain/spec.ts';
import { TransientError } from '../ports/errors.ts';
import type { LoadBalancer } from '../ports/load-balancer.ts';
import type { TrafficRouter } from '../ports/traffic-router.ts';

/**
 * Stands in for the CLB where a rescue has no keys for it: what the cloud controller makes of the Services as they are
 * now, and pods that are ready are healthy. Good enough to order the writes; it verifies nothing, and says so nowhere
 * else than in the command that uses it.
 */
export function assumedLoadBalancer(router: TrafficRouter, baseline: Baseline): LoadBalancer {
  const cannotTell = async () => {
    throw new TransientError('the CLB is not asked: no keys were given');
  };
  return {
    describeGroups: async (loadBalancer, ports) => {
      const route = baseline.routes.find((one) => one.route.loadBalancer === loadBalancer)?.route;
      if (route === undefined) return [];
      const { source, target } = await router.read(route);
      const services = [...source.services, ...target.services];
      return ports.map((mapping) => ({
        ...mapping,
        backends: services.flatMap((service) => assumedBackends(service, mapping)),
      }));
    },
    describeListeners: cannotTell,
    describe: cannotTell,
    setWeights: cannotTell,
  };
}

function assumedBackends(service: ServiceReading, { port }: PortMapping): readonly BackendReading[] {
  if (service.annotations === null) return [];
  const backends = service.backends.map(({ address }): BackendReading => {
    const isPod = service.mode === 'eni';
    return {
      serverId: address,
      serverIp: isPod ? address : '',
      port,
      weight: 0,
      type: isPod ? 'eni' : 'ecs',
      description: `k8s/${port}/${service.name}/${service.namespace}/${service.clusterId}`,
      health: 'normal',
    };
  });
  const weights = predictedWeights(service, service.weight, backends);
  return backends.map((backend, index) => ({ ...backend, weight: weights[index] ?? 0 }));
}

/**
 * Goes without the mesh: a target IstioGateway reads as an object that gives no answer, and its Services are read where
 * they are. Writing it is refused, so that the source alone gets its weight back (design rule 5).
 */
export function withoutMesh(router: TrafficRouter): TrafficRouter {
  const assertReachable = (route: Route, side: Side): void => {
    if (side === 'source' || route.target.kind === 'service') return;
    throw new TransientError('the IstioGateway cannot be written without --asm-kubeconfig');
  };
  return {
    ...router,
    read: async (route) => {
      const { target } = route;
      if (target.kind === 'service') return router.read(route);
      const { cluster } = route.source;
      const service = { kind: 'service', cluster, namespace: target.namespace, name: `istio-${target.name}` } as const;
      const reading = await router.read({ ...route, target: service });
      return { source: reading.source, target: { carrier: null, services: reading.target.services } };
    },
    write: async (route, side, weights, fence, mark) => {
      assertReachable(route, side);
      await router.write(route, side, weights, fence, mark);
    },
    seal: async (route, side, fence) => {
      assertReachable(route, side);
      await router.seal(route, side, fence);
    },
    nudge: async (route, side, mark, fence) => {
      assertReachable(route, side);
      await router.nudge(route, side, mark, fence);
    },
  };
}
