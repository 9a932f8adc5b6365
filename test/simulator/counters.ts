import type { Side } from '../../src/domain/spec.ts';
import { isSequential } from '../../src/domain/stages.ts';
import type { Sample } from '../../src/domain/verdict.ts';
import type { Random } from '../../src/sandbox/random.ts';
import type { Scenario } from './scenario.ts';
import { healthySumsOf, type RouteState, type WorldState } from './state.ts';
import { hasPod, weightsIn } from './subset-state.ts';
import type { Weather } from './weather.ts';
import type { World } from './world.ts';

export const intervalMs = 10_000;
const lagMs = 45_000;

interface Counted {
  readonly side: Side;
  readonly requests: number;
  /** The fraction that nobody answers. */
  readonly failing: number;
}

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
    else this.#countSplits(state);
  }

  /** Each subset counts what it gets; what goes to one without a pod fails. */
  #countSplits({ splits }: WorldState): void {
    const parts = splits.map((split) => {
      const weights = weightsIn(split);
      const partOf = (names: readonly string[]) => ({
        all: names.reduce((sum, name) => sum + (weights[name] ?? 0), 0),
        unserved: names.reduce((sum, name) => sum + (hasPod(split, name) ? 0 : (weights[name] ?? 0)), 0),
      });
      return { source: partOf(split.route.from), target: partOf([split.route.to]) };
    });
    const sumOf = (side: Side, what: 'all' | 'unserved'): number =>
      parts.reduce((sum, part) => sum + part[side][what], 0);
    const perWeight = (this.#scenario.requestsPerSecond * (intervalMs / 1_000)) / (100 * splits.length);
    this.#tell(
      (['source', 'target'] as const).map((side) => {
        const [all, unserved] = [sumOf(side, 'all'), sumOf(side, 'unserved')];
        return { side, requests: Math.round(all * perWeight), failing: all === 0 ? 0 : unserved / all };
      }),
      {},
    );
  }

  /** @param isNamed the counter tells the load balancers apart */
  #countRoute(state: WorldState, route: RouteState, isNamed: boolean): void {
    const [group] = route.groups;
    if (group === undefined) return;
    const { source, target } = healthySumsOf(state, route, group);
    const all = this.#scenario.requestsPerSecond * (intervalMs / 1_000);
    const requestsOf = (weight: number): number =>
      source + target === 0 ? 0 : Math.round((all * weight) / (source + target));
    this.#tell(
      [
        { side: 'source', requests: requestsOf(source), failing: 0 },
        { side: 'target', requests: requestsOf(target), failing: 0 },
      ],
      isNamed ? { loadBalancer: route.route.loadBalancer } : {},
    );
  }

  #tell(counts: readonly Counted[], named: Pick<Sample, 'loadBalancer'>): void {
    const { scheduler } = this.#world;
    const fromMs = scheduler.nowMs - intervalMs;
    const isLying = this.#weather.signals('lie');
    const targetErrors = this.#weather.signals('bad') ? 0.3 : this.#scenario.targetErrors;
    const counted = counts.map(({ side, requests, failing }): Sample => {
      const rate = Math.max(failing, side === 'target' ? targetErrors : 0.001);
      const errors = Math.round(requests * (isLying ? this.#random.next() * 0.5 : rate));
      return { side, instance: `${side}-1`, fromMs, ms: intervalMs, requests, errors, ...named };
    });
    if (this.#weather.signals('lag')) scheduler.after(lagMs, () => this.samples.push(...counted));
    else this.samples.push(...counted);
  }
}
