import type { Route, Spec } from '../../src/domain/spec.ts';
import type { Ports } from '../../src/ports/ports.ts';
import { aRoute, aSpec, aStep } from '../fixtures/builders.ts';
import { aWorld, type World } from '../fixtures/world.ts';

/** Many migrations at once, each with gateways, controllers and a load balancer of its own, on one store. */
export interface ManyWorlds {
  readonly ports: Ports;
  readonly specs: readonly Spec[];
  /** Forgets what was noted for tests alone: of hours it would be more than what is measured. */
  forget(): void;
}

export type Shared = Pick<Ports, 'clock' | 'store' | 'signals'> & { readonly watchEveryMs: number };

export function manyWorlds(count: number, { watchEveryMs, ...shared }: Shared): ManyWorlds {
  const routes = Array.from({ length: count }, (_, index) => routeOf(index));
  const worlds = new Map(routes.map((route) => [route.loadBalancer, aWorldAt(route, shared.clock.now)]));
  const groups = new Map(routes.map((route) => [route.ports[0]?.group ?? '', route.loadBalancer]));
  const of = (loadBalancer: string): Ports => {
    const world = worlds.get(loadBalancer);
    if (world === undefined) throw new Error(`there is no ${loadBalancer}`);
    return world.ports;
  };
  const ofName = (name: string): Ports => of(name.replace('shop', 'lb'));
  const base = aWorld().ports;
  const ports: Ports = {
    ...base,
    ...shared,
    installation: { ...base.installation, watchEveryMs },
    router: {
      ...base.router,
      read: (route) => of(route.loadBalancer).router.read(route),
      write: (route, ...what) => of(route.loadBalancer).router.write(route, ...what),
      seal: (route, ...what) => of(route.loadBalancer).router.seal(route, ...what),
      survey: (route) => of(route.loadBalancer).router.survey(route),
      nudge: (route, ...what) => of(route.loadBalancer).router.nudge(route, ...what),
      keepBaseline: (name, ...what) => ofName(name).router.keepBaseline(name, ...what),
      readBaseline: (name) => ofName(name).router.readBaseline(name),
      emptyBaseline: (name, ...what) => ofName(name).router.emptyBaseline(name, ...what),
    },
    loadBalancer: {
      ...base.loadBalancer,
      describeGroups: (id, mappings) => of(id).loadBalancer.describeGroups(id, mappings),
      describeListeners: (id) => of(id).loadBalancer.describeListeners(id),
      describe: (id) => of(id).loadBalancer.describe(id),
      setWeights: (group, backends) => of(groups.get(group) ?? '').loadBalancer.setWeights(group, backends),
    },
  };
  return {
    ports,
    specs: routes.map(specOf),
    forget: () => {
      for (const { calls, notices } of worlds.values()) {
        calls.length = 0;
        notices.length = 0;
      }
    },
  };
}

function aWorldAt(route: Route, now: () => number): World {
  const world = aWorld([route]);
  return Object.defineProperty(world, 'nowMs', { get: now });
}

function routeOf(index: number): Route {
  const id = String(index).padStart(5, '0');
  const { source, target } = aRoute();
  return {
    loadBalancer: `lb-${id}`,
    source: { ...source, namespace: `shop-${id}` },
    target: { ...target, namespace: `shop-${id}` },
    ports: [{ port: 80, group: `rsp-${id}` }],
  };
}

/** Three steps of forty minutes each: it is under way for the whole of an hour, however long the starts take. */
function specOf(route: Route): Spec {
  const bakeMs = 40 * 60_000;
  const steps = [aStep(10, { bakeMs }), aStep(50, { bakeMs }), aStep(100, { bakeMs })];
  return aSpec({ name: route.loadBalancer.replace('lb', 'shop'), routes: [route], steps, settleMs: 20_000 });
}
