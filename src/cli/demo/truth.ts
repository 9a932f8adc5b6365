import { clbClient } from '../../adapters/clb/clb-client.ts';
import { clbLoadBalancer } from '../../adapters/clb/load-balancer.ts';
import { systemClock } from '../../adapters/system-clock.ts';
import type { BackendReading } from '../../domain/observation.ts';
import type { LoadBalancer } from '../../ports/load-balancer.ts';
import type { SandboxDescription } from '../../sandbox/sandbox.ts';

const loadBalancer = 'lb-public';
const ports = [
  { port: 80, group: 'rsp-pub-80' },
  { port: 443, group: 'rsp-pub-443' },
];

/** Backend weights by group, as the CLB itself tells them: the only thing that decides how the demo ended. */
export type Truth = Readonly<Record<string, readonly BackendReading[]>>;

export function truthReader({ clb }: SandboxDescription): () => Promise<Truth> {
  const { accessKeyId, accessKeySecret, endpoint, regionId } = clb;
  const credentials = () => ({ accessKeyId, accessKeySecret });
  const reader: LoadBalancer = clbLoadBalancer(
    clbClient({ region: regionId, endpoint, protocol: 'http', credentials, clock: systemClock() }),
  );
  return async () => {
    const groups = await reader.describeGroups(loadBalancer, ports);
    return Object.fromEntries(groups.map(({ group, backends }) => [group, backends]));
  };
}

/** True when every backend has the weight it had before; never where the CLB told of no group. */
export function isSameWeights(before: Truth, after: Truth): boolean {
  const weights = weightsOf(before);
  return weights.length > 0 && JSON.stringify(weights) === JSON.stringify(weightsOf(after));
}

/** True when in every group the source has no weight and the target has some; never where the CLB told of no group. */
export function isAllOnTarget(truth: Truth): boolean {
  const groups = Object.values(truth);
  const isOnTarget = (backends: readonly BackendReading[]): boolean => {
    const sum = (isTarget: boolean): number =>
      backends.filter((backend) => isOfTarget(backend) === isTarget).reduce((all, { weight }) => all + weight, 0);
    return sum(false) === 0 && sum(true) > 0;
  };
  return groups.length > 0 && groups.every(isOnTarget);
}

/** One line a backend, in an order that does not depend on the CLB's. */
function weightsOf(truth: Truth): readonly string[] {
  return Object.entries(truth)
    .flatMap(([group, backends]) =>
      backends.map(({ serverIp, serverId, port, weight }) => `${group} ${serverIp || serverId}:${port}=${weight}`),
    )
    .sort();
}

export function isOfTarget({ description }: BackendReading): boolean {
  return description.includes('/istio-ingressgateway-asm/');
}
