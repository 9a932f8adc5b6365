import type { SubsetRoute } from '../../src/domain/subset-route.ts';
import { type Random, seededRandom } from '../../src/sandbox/random.ts';
import { aSubsetRoute } from '../fixtures/builders.ts';
import { chance, pick } from './draws.ts';
import type { Scenario } from './scenario.ts';
import { type Destination, type HttpRoute, type SplitState, writtenAs } from './subset-state.ts';

/**
 * In one seed of eight subsets of a host in place of routes, which cannot stand beside each other in a file. Drawn from
 * a stream of its own: every other seed stays what it was.
 */
export function withSubsets(scenario: Scenario, seed: number, startMs: number): Scenario {
  const random = seededRandom(seed ^ 0x5b5e3a);
  if (!chance(random, 0.12)) return scenario;
  const first = splitOf(random, aSubsetRoute({ from: pick(random, [['v1'], ['v1', 'v2'], ['v1', 'v2']]) }), startMs);
  const second = splitOf(
    random,
    aSubsetRoute({
      virtualService: { namespace: 'default', name: 'ratings-by-version' },
      host: 'ratings.default.svc.cluster.local',
      from: ['v1'],
      to: 'v2',
    }),
    startMs,
  );
  const splits = chance(random, 0.25) ? [first, second] : [first];
  const subsets = splits.map(({ route }) => route);
  return {
    ...scenario,
    spec: { ...scenario.spec, routes: [], subsets, routeOrder: 'together' },
    start: { routes: [], pods: {}, nodes: {}, splits },
    isRehearsal: false,
  };
}

function splitOf(random: Random, route: SubsetRoute, startMs: number): SplitState {
  const pods = Object.fromEntries([...route.from, route.to].map((name) => [name, random.between(1, 4)]));
  const destinations = destinationsOf(random, route);
  if (destinations === null) return { route, object: null, pods };
  const written = { annotations: {}, spec: { hosts: [route.host], http: httpOf(random, route, destinations) } };
  return { route, object: writtenAs(written, 'kubectl', '1', startMs), pods };
}

/** Null: there is no VirtualService yet. */
function destinationsOf(random: Random, { host, from, to }: SubsetRoute): readonly Destination[] | null {
  const form = random.next();
  if (form < 0.3) return null;
  if (form < 0.4) return [{ destination: { host } }];
  // A subset that the route does not move keeps what it has; Istio's older releases want 100 in all.
  const other = chance(random, 0.2) ? random.between(5, 40) : 0;
  const target = Math.round(((100 - other) * pick(random, [0, 0, 0, 5, 10, 25, 40])) / 100);
  const names = from.map((name, index) => ({ name, left: from.length - index }));
  let kept = 100 - other - target;
  const sources = names.map(({ name, left }): Destination => {
    const weight = left === 1 ? kept : random.between(0, kept);
    kept -= weight;
    return { destination: { host, subset: name, port: { number: 9080 } }, weight };
  });
  const rest = { headers: { request: { set: { 'x-canary': 'yes' } } } };
  return [
    ...sources,
    ...(target > 0 || chance(random, 0.5) ? [{ destination: { host, subset: to }, weight: target, ...rest }] : []),
    ...(other > 0 ? [{ destination: { host, subset: 'v0' }, weight: other }] : []),
  ];
}

/** The route that is moved, among others that are not. */
function httpOf(
  random: Random,
  { host, from }: SubsetRoute,
  destinations: readonly Destination[],
): readonly HttpRoute[] {
  const [subset = 'v1'] = from;
  const ofTesters: HttpRoute = {
    match: [{ headers: { 'end-user': { exact: 'jason' } } }],
    route: [{ destination: { host, subset } }],
  };
  const elsewhere: HttpRoute = { match: [{ uri: { prefix: '/static' } }], route: [{ destination: { host: 'files' } }] };
  return [
    ...(chance(random, 0.3) ? [ofTesters] : []),
    ...(chance(random, 0.2) ? [elsewhere] : []),
    { timeout: '5s', route: destinations },
  ];
}
