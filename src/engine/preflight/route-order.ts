import type { Spec } from '../../domain/spec.ts';
import { isSequential } from '../../domain/stages.ts';
import { samplesOf } from '../../domain/verdict.ts';
import type { Ports } from '../../ports/ports.ts';
import { bad, type Check, kindOf, pass } from './check.ts';

const routeOrder = kindOf({
  id: 'route-order',
  rows: [],
  asks: 'routes that go one after the other have samples that tell their load balancers apart',
  why: 'both load balancers of a gateway reach the same pods: the verdict on one route must not be made of the other’s requests',
  says: ['fail'],
});

export const routeOrderKinds = [routeOrder];

/** Programs report every few seconds: one that has been silent for so long will not judge a step either. */
const labelledWithinMs = 300_000;

/** Samples may be sent before the start, under the name that the migration will have. */
export async function routeOrderChecks(ports: Pick<Ports, 'store' | 'signals'>, spec: Spec): Promise<readonly Check[]> {
  if (!isSequential(spec)) return [];
  const at = { object: 'the migration', field: 'spec.routeOrder', value: 'sequential' };
  const names = spec.routes.map(({ loadBalancer }) => loadBalancer);
  const shared = names.find((name, index) => names.indexOf(name) !== index);
  if (shared !== undefined) {
    return [
      bad(routeOrder, 'fail', `two routes use ${shared}, which no signals tell apart: take routeOrder together`, {
        at,
      }),
    ];
  }
  const samples = await ports.signals.read(spec.name, (await ports.store.now()) - labelledWithinMs);
  const silent = names.filter((name) => samplesOf(samples, name).length === 0);
  if (silent.length > 0) {
    const found = `routeOrder sequential needs signals that tell the CLBs apart, and no sample of the last 5 minutes names ${silent.join(', ')}: send loadBalancer with every sample of ${spec.name} (also before the start), or take routeOrder together`;
    return [bad(routeOrder, 'fail', found, { at })];
  }
  return [pass(routeOrder, `samples tell ${names.join(' and ')} apart`, at)];
}
