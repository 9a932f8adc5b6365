import type { CarrierWeights } from '../../src/domain/agreement.ts';
import type { Baseline } from '../../src/domain/baseline.ts';
import type { Side } from '../../src/domain/spec.ts';
import { type SubsetRoute, virtualServiceName } from '../../src/domain/subset-route.ts';
import type { WatchMark } from '../../src/ports/kept-baselines.ts';
import type { Scheduler } from './scheduler.ts';
import type { ClbBackend, GroupState, Pod, RouteState, SideState, WorldState } from './state.ts';
import { type SplitState, type Written, weightsIn, writtenAs } from './subset-state.ts';
import type { Trace } from './trace.ts';

/** Who changed it: a rule binds what is ours, and what follows from it. */
export type Author = 'ours' | 'controller' | 'others';

export interface Moment {
  readonly atMs: number;
  readonly state: WorldState;
}

/** Our ConfigMap: the baseline is null where it was emptied. */
export interface KeptMap {
  readonly baseline: Baseline | null;
  readonly fence: number;
  readonly version: number;
  readonly mark: WatchMark;
}

interface Lock {
  readonly by: string;
  readonly untilMs: number;
}

/** How long the CLB's health check needs to notice. */
const healthLagMs = 6_000;
const firstCheckMs = 4_000;

/** The modelled clouds: one state that is replaced, everything it ever was, and who wants to hear of a change. */
export class World {
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly timeline: Moment[];
  readonly kept = new Map<string, KeptMap>();
  readonly #locks = new Map<string, Lock>();
  readonly #attachedAtMs = new Map<string, number>();
  readonly #clbWatchers: ((author: Author, before: WorldState) => void)[] = [];
  readonly #splitWatchers: ((index: number, author: Author, before: WorldState) => void)[] = [];
  #versions = 1;
  /** Told when the object that carries a weight, or one of its Services, changed. */
  onCarrier: (route: number, side: Side) => void = () => undefined;
  onService: (route: number, side: Side, cluster: string) => void = () => undefined;
  onEndpoints: (side: Side, cluster: string) => void = () => undefined;

  constructor(scheduler: Scheduler, trace: Trace, start: WorldState) {
    this.scheduler = scheduler;
    this.trace = trace;
    this.timeline = [{ atMs: scheduler.nowMs, state: start }];
  }

  get state(): WorldState {
    return (this.timeline.at(-1) as Moment).state;
  }

  onClb(watcher: (author: Author, before: WorldState) => void): void {
    this.#clbWatchers.push(watcher);
  }

  onSplit(watcher: (index: number, author: Author, before: WorldState) => void): void {
    this.#splitWatchers.push(watcher);
  }

  /** Every state the world has been in since then, the one of that time included. */
  since(fromMs: number): readonly WorldState[] {
    let first = this.timeline.length - 1;
    while (first > 0 && (this.timeline[first] as Moment).atMs > fromMs) first -= 1;
    return this.timeline.slice(first).map(({ state }) => state);
  }

  route(index: number): RouteState {
    return this.state.routes[index] as RouteState;
  }

  indexOf(loadBalancer: string): number {
    return this.state.routes.findIndex(({ route }) => route.loadBalancer === loadBalancer);
  }

  /** One patch of the object that carries the weight. */
  patchCarrier(
    index: number,
    side: Side,
    patch: Partial<Pick<SideState, 'fence' | 'writtenBy' | 'mark'>> & { readonly weights?: CarrierWeights },
  ): void {
    const own = this.route(index).sides[side];
    const { weights, ...rest } = patch;
    const isService = this.#ref(index, side).kind === 'service';
    const weight = weights === undefined ? own.weight : weights.weight;
    const services = isService ? own.services.map((service) => ({ ...service, weight })) : own.services;
    this.#setSide(index, side, {
      ...own,
      ...rest,
      weight,
      overrides: weights === undefined ? own.overrides : { ...own.overrides, ...weights.overrides },
      version: own.version + 1,
      services,
    });
    this.onCarrier(index, side);
  }

  /** An annotation that changes no weight, and makes the controllers look again all the same. */
  nudgeServices(index: number, side: Side): void {
    for (const { cluster } of this.route(index).sides[side].services) this.onService(index, side, cluster);
  }

  /** The controllers' own bookkeeping (labels): a new version, and nothing that anybody reads. */
  labelService(index: number, side: Side, cluster: string, hash: string): void {
    const own = this.route(index).sides[side];
    const services = own.services.map((service) => (service.cluster === cluster ? { ...service, hash } : service));
    const isCarrier = this.#ref(index, side).kind === 'service';
    this.#setSide(index, side, { ...own, services, version: own.version + (isCarrier ? 1 : 0) });
  }

  /** The Service that follows an IstioGateway in one cluster. */
  patchFollower(index: number, side: Side, cluster: string, weight: string | null): void {
    const own = this.route(index).sides[side];
    const services = own.services.map((service) => (service.cluster === cluster ? { ...service, weight } : service));
    this.#setSide(index, side, { ...own, services });
    this.onService(index, side, cluster);
  }

  setBackends(index: number, group: string, backends: readonly ClbBackend[], author: Author): void {
    const before = this.state;
    const route = this.route(index);
    for (const backend of backends) {
      const key = keyOf(group, backend);
      const isKnown = route.groups.some(
        (one) => one.group === group && one.backends.some((old) => keyOf(group, old) === key),
      );
      if (!isKnown) this.#attachedAtMs.set(key, this.scheduler.nowMs);
    }
    const groups = route.groups.map((one): GroupState => (one.group === group ? { ...one, backends } : one));
    this.#setRoute(index, { ...route, groups });
    const weights = backends.map(({ side, weight }) => `${side[0]}${weight}`).join(' ');
    this.trace.note(`CLB ${group}: ${weights} (${author})`);
    for (const watcher of this.#clbWatchers) watcher(author, before);
  }

  /** Who keeps the CLB from taking another write; null where nobody does. */
  lockOf(loadBalancer: string): Lock | null {
    const lock = this.#locks.get(loadBalancer);
    return lock !== undefined && lock.untilMs > this.scheduler.nowMs ? lock : null;
  }

  lock(loadBalancer: string, by: string, forMs: number): void {
    this.#locks.set(loadBalancer, { by, untilMs: this.scheduler.nowMs + forMs });
  }

  setListener(index: number, listener: RouteState['listener']): void {
    this.#setRoute(index, { ...this.route(index), listener });
  }

  isChecked(group: string, backend: ClbBackend): boolean {
    const attachedAtMs = this.#attachedAtMs.get(keyOf(group, backend));
    return attachedAtMs === undefined || this.scheduler.nowMs - attachedAtMs >= firstCheckMs;
  }

  setPods(side: Side, cluster: string, pods: readonly Pod[]): void {
    const before = this.state;
    this.trace.note(
      `pods of ${side} in ${cluster}: ${pods.map((pod) => `${pod.isReady ? 'r' : '-'}${pod.isHealthy ? 'h' : '-'}`).join(' ')}`,
    );
    this.#set({ ...before, pods: { ...before.pods, [`${side}/${cluster}`]: pods } });
    this.onEndpoints(side, cluster);
    for (const watcher of this.#clbWatchers) watcher('others', before);
    this.scheduler.after(healthLagMs, () => this.#noticeHealth(side, cluster));
  }

  setNodes(cluster: string, nodes: readonly string[]): void {
    const before = this.state;
    this.trace.note(`nodes of ${cluster}: ${nodes.join(' ')}`);
    this.#set({ ...before, nodes: { ...before.nodes, [cluster]: nodes } });
    for (const side of ['source', 'target'] as const) this.onEndpoints(side, cluster);
    for (const watcher of this.#clbWatchers) watcher('others', before);
  }

  split(index: number): SplitState {
    return this.state.splits[index] as SplitState;
  }

  splitIndexOf(route: SubsetRoute): number {
    const name = virtualServiceName(route);
    return this.state.splits.findIndex((one) => virtualServiceName(one.route) === name);
  }

  /** @param written null: it is deleted */
  setVirtualService(index: number, written: Written | null, by: string, author: Author): void {
    const before = this.state;
    const version = `${++this.#versions}`;
    const object = written === null ? null : writtenAs(written, by, version, this.scheduler.nowMs);
    this.#setSplit(index, { ...this.split(index), object });
    const { host } = this.split(index).route;
    const split = object === null ? 'none' : JSON.stringify(weightsIn(this.split(index)));
    this.trace.note(`VirtualService of ${host}: ${split} (${by})`);
    for (const watcher of this.#splitWatchers) watcher(index, author, before);
  }

  setSubsetPods(index: number, subset: string, count: number): void {
    const own = this.split(index);
    this.trace.note(`pods of subset ${subset} of ${own.route.host}: ${count}`);
    this.#setSplit(index, { ...own, pods: { ...own.pods, [subset]: count } });
  }

  #setSplit(index: number, split: SplitState): void {
    this.#set({ ...this.state, splits: this.state.splits.map((one, at) => (at === index ? split : one)) });
  }

  #noticeHealth(side: Side, cluster: string): void {
    const before = this.state;
    const key = `${side}/${cluster}`;
    const pods = before.pods[key] ?? [];
    if (pods.every((pod) => pod.isHealthy === pod.isSeenHealthy)) return;
    const seen = pods.map((pod) => ({ ...pod, isSeenHealthy: pod.isHealthy }));
    this.#set({ ...before, pods: { ...before.pods, [key]: seen } });
    this.trace.note(`the CLB sees the health of ${key}`);
    for (const watcher of this.#clbWatchers) watcher('others', before);
  }

  #ref(index: number, side: Side) {
    const { route } = this.route(index);
    return side === 'source' ? route.source : route.target;
  }

  #setSide(index: number, side: Side, own: SideState): void {
    const route = this.route(index);
    this.#setRoute(index, { ...route, sides: { ...route.sides, [side]: own } });
  }

  #setRoute(index: number, route: RouteState): void {
    this.#set({ ...this.state, routes: this.state.routes.map((one, at) => (at === index ? route : one)) });
  }

  #set(state: WorldState): void {
    this.timeline.push({ atMs: this.scheduler.nowMs, state });
  }
}

function keyOf(group: string, { serverId, serverIp, port }: ClbBackend): string {
  return `${group} ${serverId} ${serverIp} ${port}`;
}
