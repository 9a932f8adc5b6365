import type { ServiceReading } from '../../domain/observation.ts';
import type { ProbeSpec } from '../../domain/spec.ts';
import type { SubsetObservation } from '../../domain/subset-route.ts';
import type { Ports } from '../../ports/ports.ts';
import { bad, type Check, kindOf, pass } from './check.ts';
import { describeCluster } from './commands.ts';
import type { RouteLook } from './look.ts';

const apart = kindOf({
  id: 'clusters-apart',
  rows: [],
  asks: 'the pods of all clusters of a target reach one another (the same security group, or rules that let them)',
  why: 'a gateway whose backends are in another cluster answers 503 where basic security groups, or two that know nothing of each other, keep the clusters apart; nothing but a request through it shows that',
  says: ['warn', 'unknown'],
});

export const clusterKinds = [apart];

const advice =
  'compare security_group_id of the clusters and let their groups in on each other (aliyun ecs AuthorizeSecurityGroup), or take one advanced security group for both';

/** Asks the gateway of each cluster by itself: one that alone does not answer may not reach what the others reach. */
export async function clusterChecks(
  { probe: port }: Pick<Ports, 'probe'>,
  { observation, spec }: RouteLook,
): Promise<readonly Check[]> {
  const { services } = observation.target;
  const names = clustersOf(services);
  if (names.length < 2) return [pass(apart, 'the target is in one cluster')];
  const probes = spec.probes.filter(({ side }) => side !== 'source');
  if (probes.length === 0) {
    const found = `whether pods of ${names.join(' and ')} reach one another cannot be told without a probe at the target: ${advice}`;
    return [bad(apart, 'unknown', found, { remedy: describeFirst(services) })];
  }
  return Promise.all(
    probes.map(async (probe) => {
      const asked = services.map(async (service) => ({ service, ...(await port.ask(probe, [service])) }));
      return checkOf(probe, await Promise.all(asked), names);
    }),
  );
}

interface Asked {
  readonly service: ServiceReading;
  readonly isOk: boolean;
  readonly detail: string;
}

function checkOf({ name, host, path }: ProbeSpec, asked: readonly Asked[], names: readonly string[]): Check {
  const [first] = asked.filter(({ isOk }) => !isOk);
  if (first === undefined) return pass(apart, `the gateways of ${names.join(' and ')} all answer probe ${name}`);
  const well = asked.filter(({ isOk }) => isOk).map(({ service }) => service.cluster);
  if (well.length === 0) {
    return bad(apart, 'unknown', `no gateway answers probe ${name}, so nothing is told of its clusters: ${advice}`);
  }
  const { cluster, clusterId } = first.service;
  const found = `the gateway in ${cluster} does not answer probe ${name} (${first.detail}), and that in ${well.join(' and ')} does; where its pods are in another cluster, security groups may keep the two apart: ${advice}`;
  const at = { object: `cluster ${cluster}`, field: `${host}${path}`, value: first.detail };
  return bad(apart, 'warn', found, { at, remedy: describeCluster(clusterId) });
}

/** Calls between subsets go from pod to pod inside of the mesh: nobody outside of it can send one. */
export function subsetClusterChecks(splits: readonly SubsetObservation[]): readonly Check[] {
  return splits.flatMap(({ route, subsets }) => {
    const services = subsets.flatMap((one) => one.services ?? []);
    const names = clustersOf(services.filter(({ readyPods }) => readyPods > 0));
    if (names.length < 2) return [];
    const found = `pods of ${route.host} are in ${names.join(' and ')}: whether they are let through to one another cannot be seen from outside; ${advice}`;
    return [bad(apart, 'unknown', found, { remedy: describeFirst(services) })];
  });
}

function clustersOf(services: readonly ServiceReading[]): readonly string[] {
  return [...new Set(services.map(({ cluster }) => cluster))];
}

function describeFirst(services: readonly ServiceReading[]): string | null {
  return services[0] === undefined ? null : describeCluster(services[0].clusterId);
}
