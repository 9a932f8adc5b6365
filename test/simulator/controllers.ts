import { parseWeight } from '../../src/domain/annotations.ts';
import type { Side } from '../../src/domain/spec.ts';
import type { CloudBackend } from '../../src/sandbox/controllers/backend-set.ts';
import { diffVgroup } from '../../src/sandbox/controllers/vgroup-diff.ts';
import type { Random } from '../../src/sandbox/random.ts';
import { attachedBackends, type Scenario } from './scenario.ts';
import { type ClbBackend, weightFor } from './state.ts';
import type { Weather } from './weather.ts';
import type { World } from './world.ts';

const workers = 3;
const backoffMs = { first: 5_000, most: 300_000 } as const;

interface Key {
  readonly route: number;
  readonly side: Side;
  readonly cluster: string;
}

interface Item extends Key {
  isQueued: boolean;
  isActive: boolean;
  failures: number;
  /** Of what it read. */
  hash: string;
}

/** The ASM controller, which copies weights, and the cloud controller, which brings them to the CLB (reference A, C). */
export class Controllers {
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #weather: Weather;
  readonly #random: Random;
  readonly #items = new Map<string, Item>();
  readonly #copying = new Set<string>();

  constructor(world: World, scenario: Scenario, weather: Weather, random: Random) {
    this.#world = world;
    this.#scenario = scenario;
    this.#weather = weather;
    this.#random = random;
    world.onCarrier = (route, side) => this.#carrierChanged(route, side);
    world.onService = (route, side, cluster) => {
      this.#enqueue({ route, side, cluster });
      this.#revertLater(route, side);
    };
    world.onEndpoints = (side, cluster) => {
      for (const [route, { sides }] of world.state.routes.entries()) {
        if (sides[side].services.some((service) => service.cluster === cluster))
          this.#enqueue({ route, side, cluster });
      }
    };
  }

  get isBusy(): boolean {
    // What fails for good is tried again for ever: nobody waits for that.
    const isGoing = (item: Item): boolean => (item.isQueued && item.failures === 0) || item.isActive;
    return this.#copying.size > 0 || [...this.#items.values()].some(isGoing);
  }

  #carrierChanged(route: number, side: Side): void {
    const { route: spec, sides } = this.#world.route(route);
    const ref = side === 'source' ? spec.source : spec.target;
    if (ref.kind === 'gateway') this.#copyLater(route, side);
    else for (const { cluster } of sides[side].services) this.#enqueue({ route, side, cluster });
  }

  #copyLater(route: number, side: Side): void {
    const key = `${route} ${side}`;
    if (this.#copying.has(key)) return;
    this.#copying.add(key);
    const { min, max } = this.#scenario.meshMs;
    this.#world.scheduler.after(this.#random.between(min, max), () => this.#copy(route, side, key));
  }

  /** Somebody else's edit of a Service that the ASM controller made: it is declarative, and comes round. */
  #revertLater(route: number, side: Side): void {
    const own = this.#world.route(route).sides[side];
    if (own.services.every((service) => service.weight === weightFor(own, service.clusterId))) return;
    this.#world.scheduler.after(this.#random.between(20_000, 120_000), () => this.#copyLater(route, side));
  }

  #copy(route: number, side: Side, key: string): void {
    const { scheduler } = this.#world;
    const stallMs = this.#weather.stallOf('mesh');
    if (stallMs !== null) {
      scheduler.at(stallMs + 500, () => this.#copy(route, side, key));
      return;
    }
    if (this.#weather.outageOf('asm') || this.#weather.outageOf('ack')) {
      scheduler.after(5_000, () => this.#copy(route, side, key));
      return;
    }
    this.#copying.delete(key);
    const own = this.#world.route(route).sides[side];
    for (const service of own.services) {
      const weight = weightFor(own, service.clusterId);
      if (weight !== service.weight) this.#world.patchFollower(route, side, service.cluster, weight);
    }
  }

  #enqueue(key: Key): void {
    const { min, max } = this.#scenario.cloudMs;
    this.#enqueueIn(key, this.#random.between(min, max));
  }

  #enqueueIn(key: Key, inMs: number): void {
    const name = nameOf(key);
    const item = this.#items.get(name) ?? { ...key, isQueued: false, isActive: false, failures: 0, hash: '' };
    this.#items.set(name, item);
    if (item.isQueued) return;
    item.isQueued = true;
    this.#world.scheduler.after(inMs, () => this.#begin(item));
  }

  #begin(item: Item): void {
    const { scheduler } = this.#world;
    const active = [...this.#items.values()].filter(({ isActive }) => isActive).length;
    if (item.isActive || active >= workers) {
      scheduler.after(200, () => this.#begin(item));
      return;
    }
    const stallMs = this.#weather.stallOf('cloud');
    if (stallMs !== null) {
      scheduler.at(stallMs + 300, () => this.#begin(item));
      return;
    }
    if (this.#weather.outageOf('ack')) {
      scheduler.after(3_000, () => this.#begin(item));
      return;
    }
    item.isQueued = false;
    item.isActive = true;
    this.#reconcile(item);
  }

  /** What it read at the beginning is what it writes, group by group, however long that takes. */
  #reconcile(item: Item): void {
    const world = this.#world;
    const { route, side, cluster } = item;
    const { sides, groups } = world.route(route);
    const service = sides[side].services.find((one) => one.cluster === cluster);
    if (service === undefined) {
      this.#end(item, true);
      return;
    }
    const isInvalid = service.weight !== null && service.weight !== '' && parseWeight(service.weight) === null;
    // Since 2.12 a weight it cannot read takes the backends out, with a success event; before, nothing changed (A11).
    if (isInvalid && this.#scenario.controller === '2.11') {
      this.#end(item, false);
      return;
    }
    const { state } = world;
    item.hash = `${service.weight} ${sides[side].version}`;
    const wanted = groups.map(({ group, port }) => ({
      group,
      backends: isInvalid ? [] : attachedBackends(state, side, sides[side], service, port),
    }));
    const next = (index: number): void => {
      const one = wanted[index];
      if (one === undefined) {
        this.#end(item, true);
        return;
      }
      // Its own last call it waits for; another's makes it fail, and it comes again after a while.
      const locked = world.lockOf(world.route(route).route.loadBalancer);
      const ownMs = locked?.by === nameOf(item) ? Math.max(0, locked.untilMs - world.scheduler.nowMs) : 0;
      world.scheduler.after(ownMs + this.#random.between(50, 400), () => {
        if (this.#apply(item, one.group, one.backends)) next(index + 1);
        else this.#end(item, false);
      });
    };
    next(0);
  }

  #apply(item: Item, group: string, wanted: readonly ClbBackend[]): boolean {
    const world = this.#world;
    const { route, side, cluster } = item;
    if (this.#weather.outageOf('clb')) return false;
    const { route: spec, sides, groups } = world.route(route);
    const found = groups.find((one) => one.group === group)?.backends ?? [];
    const isMine = (one: Pick<ClbBackend, 'description'>): boolean =>
      sides[side].services.some((own) => own.cluster === cluster && isOf(one.description, own.name, own.clusterId));
    const { add, remove, set } = diffVgroup(wanted as readonly CloudBackend[], found as readonly CloudBackend[], {
      isMine,
      ignoreWeight: false,
      sharedNodeChurn: true,
    });
    if (add.length + remove.length + set.length === 0) return true;
    if (world.lockOf(spec.loadBalancer) !== null) return false;
    world.lock(spec.loadBalancer, nameOf(item), this.#random.between(200, 1_500));
    const kept = found.filter((one) => !isMine(one));
    const mine = wanted.map((one) => ({ ...one }));
    world.setBackends(route, group, [...kept, ...mine], 'controller');
    return true;
  }

  #end(item: Item, isDone: boolean): void {
    item.isActive = false;
    item.failures = isDone ? 0 : item.failures + 1;
    if (!isDone) {
      const inMs = Math.min(backoffMs.most, backoffMs.first * 2 ** Math.min(10, item.failures - 1));
      this.#enqueueIn(item, inMs);
      return;
    }
    // It labels the Service with a hash of what it read: where that is the carrier, a new resourceVersion.
    const { route, side, cluster } = item;
    this.#world.labelService(route, side, cluster, item.hash);
  }
}

function nameOf({ route, side, cluster }: Key): string {
  return `${route} ${side} ${cluster}`;
}

function isOf(description: string, name: string, clusterId: string): boolean {
  const parts = description.split('/');
  return parts[2] === name && parts[4] === clusterId;
}
