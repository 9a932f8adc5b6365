import { isSequential } from '../../src/domain/stages.ts';
import type { Sample } from '../../src/domain/verdict.ts';
import type { Random } from '../../src/sandbox/random.ts';
import type { Scenario } from './scenario.ts';
import { healthySumsOf, type RouteState, type WorldState } from './state.ts';
import type { Weather } from './weather.ts';
import type { World } from './world.ts';

export const intervalMs = 10_000;
const lagMs = 45_000;

/** The gateways' counters: what the CLB sends them, and how many of it fail; told late, wrong or not at all. */
export class Counters {
  readonly samples: Sample[] = [];
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #weather: Weather;
  readonly #random: Random;

  constructor(world: World, scenario: Scenario, weather: Weather, random: Random) {
    this.#world = world;
    this.#scenario = scenario;
    this.#weather = weather;
    this.#random = random;
  }

  /** Counts the interval that ends now. */
  count(): void {
    if (this.#weather.signals('stop')) return;
    const { state } = this.#world;
    if (isSequential(this.#scenario.spec)) for (const route of state.routes) this.#countRoute(state, route, true);
    else if (state.routes[0] !== undefined) this.#countRoute(state, state.routes[0], false);
  }

  /** @param isNamed the counter tells the load balancers apart */
  #countRoute(state: WorldState, route: RouteState, isNamed: boolean): void {
    const { scheduler } = this.#world;
    const [group] = route.groups;
    if (group === undefined) return;
    const { source, target } = healthySumsOf(state, route, group);
    const all = this.#scenario.requestsPerSecond * (intervalMs / 1_000);
    const fromMs = scheduler.nowMs - intervalMs;
    const isLying = this.#weather.signals('lie');
    const targetErrors = this.#weather.signals('bad') ? 0.3 : this.#scenario.targetErrors;
    const sampleOf = (side: 'source' | 'target', weight: number, rate: number): Sample => {
      const requests = source + target === 0 ? 0 : Math.round((all * weight) / (source + target));
      const errors = Math.round(requests * (isLying ? this.#random.next() * 0.5 : rate));
      const loadBalancer = isNamed ? { loadBalancer: route.route.loadBalancer } : {};
      return { side, instance: `${side}-1`, fromMs, ms: intervalMs, requests, errors, ...loadBalancer };
    };
    const counted = [sampleOf('source', source, 0.001), sampleOf('target', target, targetErrors)];
    if (this.#weather.signals('lag')) scheduler.after(lagMs, () => this.samples.push(...counted));
    else this.samples.push(...counted);
  }
}
