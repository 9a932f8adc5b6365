import { isDeepStrictEqual } from 'node:util';
import type { V1Service } from '@kubernetes/client-node';
import { readAnnotation } from '../../domain/annotations.ts';
import type { ServiceReading } from '../../domain/observation.ts';
import type { SideRef } from '../../domain/spec.ts';
import { TerminalError } from '../../ports/errors.ts';
import type { Cluster, KubernetesClients } from './clients.ts';
import { beginLook, clustersOf, followerOf, lookAtService, requireService } from './look.ts';
import { findService, listServices, readGateway } from './objects.ts';

const servicesMax = 50;

interface Found {
  readonly cluster: Cluster;
  readonly service: V1Service;
}

/**
 * The Services of one side that are attached to a CLB: the one that is named and those that share its pods, because a
 * gateway with two CLBs has two Services. Those of an IstioGateway may live in several clusters.
 */
export async function discover(clients: KubernetesClients, side: SideRef): Promise<readonly ServiceReading[]> {
  const found = (await Promise.all((await namedServices(clients, side)).map(sharingPods))).flat();
  const attached = found.filter(({ service }) => isAttached(service));
  if (attached.length > servicesMax)
    throw new TerminalError(`more than ${servicesMax} Services share the pods of ${side.name}`);
  const look = beginLook(clients);
  return Promise.all(attached.map(({ cluster, service }) => lookAtService(look, cluster, service)));
}

async function namedServices(clients: KubernetesClients, side: SideRef): Promise<readonly Found[]> {
  if (side.kind === 'service') {
    const cluster = clients.cluster(side.cluster);
    return [{ cluster, service: await requireService(cluster, side) }];
  }
  const gateway = await readGateway(clients.mesh(side.mesh), side.namespace, side.name);
  const found = await Promise.all(
    clustersOf(clients, gateway, side).map(async (cluster) => {
      const service = await findService(cluster, side.namespace, followerOf(side));
      return service === null ? [] : [{ cluster, service }];
    }),
  );
  return found.flat();
}

async function sharingPods({ cluster, service }: Found): Promise<readonly Found[]> {
  const selector = service.spec?.selector;
  // Without a selector the pods are somebody's list of endpoints: nothing says that another Service has the same.
  if (selector === undefined || Object.keys(selector).length === 0) return [{ cluster, service }];
  const namespace = service.metadata?.namespace ?? '';
  const services = await listServices(cluster, namespace);
  return services
    .filter((one) => isDeepStrictEqual({ ...one.spec?.selector }, { ...selector }))
    .map((one) => ({ cluster, service: one }));
}

/** Which Services the cloud controller treats as a CLB's (reference A3), with a CLB that a person chose. */
function isAttached({ spec, metadata }: V1Service): boolean {
  const annotations = metadata?.annotations ?? {};
  return (
    spec?.type === 'LoadBalancer' &&
    spec.loadBalancerClass === undefined &&
    annotations['service.beta.kubernetes.io/class'] === undefined &&
    (readAnnotation(annotations, 'id') ?? '') !== ''
  );
}
