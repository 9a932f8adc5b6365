import type { RouteObservation } from '../../domain/observation.ts';
import type { Spec } from '../../domain/spec.ts';
import { type SubsetObservation, subsetsOf } from '../../domain/subset-route.ts';
import type { Ports } from '../../ports/ports.ts';
import { observeAll } from '../observe.ts';
import { readSources } from '../read-signals.ts';
import { observeSplits } from '../splits.ts';
import { annotationChecks } from './annotations.ts';
import { backendChecks } from './backends.ts';
import { addressChecks, directChecks, healthRequestChecks, probeCheck } from './callers.ts';
import { capacityChecks } from './capacity.ts';
import type { Check } from './check.ts';
import { listenerChecks } from './listeners.ts';
import { loadBalancerChecks } from './load-balancer.ts';
import type { RouteLook } from './look.ts';
import { parityChecks, unaskedChecks } from './parity.ts';
import { routeOrderChecks } from './route-order.ts';
import { serviceChecks } from './services.ts';
import { alertChecks, controlTrafficChecks, signalChecks } from './signals.ts';
import { splitChecks } from './subsets.ts';

export interface Checked {
  readonly observations: readonly RouteObservation[];
  readonly splits: readonly SubsetObservation[];
  readonly checks: readonly Check[];
}

/** Samples older than this say nothing of now. */
const samplesWithinMs = 300_000;

/**
 * Reads everything the first shift relies on: what the machine's preflight and a dry run both go by. Writes nothing, and
 * asks the CLB once for its listeners, once for its groups and once for each group, however many routes share it.
 */
export async function checkAll(ports: Ports, spec: Spec): Promise<Checked> {
  const looks = looksAt(ports, spec);
  const [observed, splits, counted] = await Promise.all([
    looks,
    observeSplits(ports, spec.subsets),
    ports.store.now().then((atMs) => readSources(ports, spec, atMs - samplesWithinMs)),
  ]);
  const observations = observed.map(({ observation }) => observation);
  const checks = await Promise.all([
    ...observed.map((look) => routeChecks(ports, look)),
    ...probeChecks(ports, spec, observations, splits),
    unaskedChecks(spec, observations),
    splits.flatMap((observation) => splitChecks(observation, spec)),
    routeOrderChecks(ports, spec),
    directChecks(spec, counted),
    signalChecks(ports, spec),
    alertChecks(ports, spec),
    controlTrafficChecks(spec),
  ]);
  return { observations, splits, checks: checks.flat() };
}

async function looksAt(ports: Ports, spec: Spec): Promise<readonly RouteLook[]> {
  const listeners = onceEach(ports.loadBalancer.describeListeners);
  const loadBalancers = onceEach(ports.loadBalancer.describe);
  const [observations, around] = await Promise.all([
    observeAll(ports, spec.routes),
    Promise.all(
      spec.routes.map(async (route) => {
        const [survey, listenersOf, loadBalancer] = await Promise.all([
          ports.router.survey(route),
          listeners(route.loadBalancer),
          loadBalancers(route.loadBalancer),
        ]);
        return { survey, listeners: listenersOf, loadBalancer };
      }),
    ),
  ]);
  return around.flatMap((one, index) => {
    const observation = observations[index];
    return observation === undefined ? [] : [{ spec, observation, ...one }];
  });
}

function onceEach<T>(read: (id: string) => Promise<T>): (id: string) => Promise<T> {
  const asked = new Map<string, Promise<T>>();
  return (id) => {
    const answer = asked.get(id) ?? read(id);
    asked.set(id, answer);
    return answer;
  };
}

async function routeChecks(ports: Ports, look: RouteLook): Promise<readonly Check[]> {
  const checks = [
    ...backendChecks(look),
    ...capacityChecks(look),
    ...listenerChecks(look),
    ...loadBalancerChecks(look),
    ...annotationChecks(look),
    ...serviceChecks(look),
    ...addressChecks(look),
    ...(await healthRequestChecks(ports, look)),
    ...(await parityChecks(ports, look)),
  ];
  const { loadBalancer } = look.observation.route;
  return checks.map((check) => ({ ...check, found: `${loadBalancer}: ${check.found}` }));
}

function probeChecks(
  ports: Ports,
  spec: Spec,
  observations: readonly RouteObservation[],
  splits: readonly SubsetObservation[],
): readonly Promise<readonly Check[]>[] {
  return spec.probes.flatMap((probe) =>
    (probe.side === 'both' ? (['source', 'target'] as const) : [probe.side]).map(async (side) => {
      const services = [
        ...observations.flatMap((observation) => observation[side].services),
        ...splits.flatMap((one) => subsetsOf(one, side).flatMap((subset) => subset.services ?? [])),
      ];
      return [await probeCheck(ports, probe, side, services)];
    }),
  );
}
