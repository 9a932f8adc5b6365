import type { Random } from '../random.ts';
import type { ServerListRules } from './backend-servers.ts';
import type { Action, Body, Cloud, Write } from './cloud.ts';
import type { ListenerRef, OpenConnections } from './connection-book.ts';
import { ClbError, clbErrors } from './errors.ts';
import { groupActions } from './group-actions.ts';
import type { HealthStatus } from './health.ts';
import { healthActions } from './health-actions.ts';
import { checkedListeners, HealthBook } from './health-book.ts';
import { listenerActions } from './listener-actions.ts';
import { listenerLifecycle } from './listener-lifecycle.ts';
import { backendKey, type ClbBackend, type Listener, type LoadBalancer } from './load-balancer.ts';
import { loadBalancerActions } from './load-balancer-actions.ts';
import { type Params, required } from './params.ts';
import { requestIdFrom } from './request-id.ts';
import { type Asking, type ListenerView, Selection } from './selection.ts';
import { cookieFor, insertsCookie } from './sticky-cookie.ts';
import { tagActions } from './tag-actions.ts';
import { type CallLimit, Throttle } from './throttle.ts';

/** What error answers name as their host. */
export const hostId = 'slb.aliyuncs.com';

const actions: Readonly<Record<string, Action>> = {
  ...loadBalancerActions,
  ...listenerActions,
  ...listenerLifecycle,
  ...groupActions,
  ...tagActions,
  ...healthActions,
};

export interface ClbModelOptions {
  readonly random: Random;
  /** `cn-hangzhou` when absent. */
  readonly regionId?: string;
  /** How long an accepted write keeps its instance locked; 200..1500 ms when absent. */
  readonly busyMs?: { readonly min: number; readonly max: number };
  /** Whether reads and the data plane see a write at once (when absent) or when its lock is over. */
  readonly applies?: 'atOnce' | 'afterBusy';
  readonly portsAndWeights?: Cloud['portsAndWeights'];
  /** What is told of a backend with weight 0; documents of different years disagree (reference E15). */
  readonly weightZeroHealth?: 'checked' | 'abnormal';
  readonly servers?: Partial<ServerListRules>;
  /** Flow control of the account from the start; none when absent. */
  readonly callLimit?: CallLimit;
}

/** A backend that is due a health check, and how long the check may take. */
export interface CheckTarget {
  readonly vServerGroupId: string;
  readonly backend: ClbBackend;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

export interface ClbResponse {
  readonly status: number;
  readonly body: Body;
}

interface Instance {
  readonly current: LoadBalancer | null;
  /** A write that is accepted and not seen yet. */
  readonly pending: LoadBalancer | null;
  readonly busyUntilMs: number;
}

/** The Classic Load Balancer: no IO, no clock, no chance of its own. Every `now` is in milliseconds and never falls. */
export class ClbModel {
  readonly regionId: string;
  readonly #options: ClbModelOptions;
  readonly #instances = new Map<string, Instance>();
  readonly #health = new HealthBook();
  readonly #selection = new Selection();
  readonly #throttle: Throttle;
  readonly #watchers = new Set<() => void>();

  constructor(options: ClbModelOptions) {
    this.#options = options;
    this.#throttle = new Throttle(options.callLimit ?? null);
    this.regionId = options.regionId ?? 'cn-hangzhou';
  }

  /** Puts a load balancer as it is to be, past the API: for seeding, and for tests. */
  put(loadBalancer: LoadBalancer): void {
    this.#store(loadBalancer.id, { current: loadBalancer, pending: null, busyUntilMs: 0 });
  }

  loadBalancers(now: number): readonly LoadBalancer[] {
    this.#settle(now);
    return [...this.#instances.values()].flatMap(({ current }) => (current === null ? [] : [current]));
  }

  /** One call of the OpenAPI, with the answer's HTTP status; never throws for what a caller can get wrong. */
  call(action: string, params: Params, now: number): ClbResponse {
    const requestId = requestIdFrom(this.#options.random);
    try {
      this.#throttle.take(action, now);
      return { status: 200, body: { RequestId: requestId, ...this.#run(action, params, now) } };
    } catch (error) {
      if (!(error instanceof ClbError)) throw error;
      return { status: error.status, body: errorBody(error, requestId) };
    }
  }

  /** Flow control from now on: calls over the limit are answered with Throttling.User. Null ends it. */
  limitCalls(limit: CallLimit | null): void {
    this.#throttle.set(limit);
  }

  /** Calls back after whatever may change where traffic goes, or where it comes in; returns how to end that. */
  onChange(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** The result of one health check, as every listener of the group counts it. Unknown backends are ignored. */
  recordCheck(vServerGroupId: string, backend: ClbBackend, ok: boolean, now: number): void {
    const before = this.#health.version;
    for (const loadBalancer of this.loadBalancers(now)) {
      const group = loadBalancer.groups.find((one) => one.id === vServerGroupId);
      if (!group?.backends.some((one) => backendKey(one) === backendKey(backend))) continue;
      for (const listener of checkedListeners(loadBalancer, vServerGroupId)) {
        this.#health.record(loadBalancer, listener, backend, ok);
      }
    }
    if (this.#health.version !== before) this.#changed();
  }

  /** Every backend of a group that a listener with health check uses, weight 0 or not. */
  checkTargets(now: number): readonly CheckTarget[] {
    return this.loadBalancers(now).flatMap((loadBalancer) =>
      loadBalancer.groups.flatMap((group) => {
        const listeners = checkedListeners(loadBalancer, group.id);
        if (listeners.length === 0) return [];
        const intervalMs = 1000 * Math.min(...listeners.map((listener) => listener.healthCheckIntervalS));
        const timeoutMs = 1000 * Math.min(...listeners.map((listener) => listener.healthCheckTimeoutS));
        return group.backends.map((backend) => ({ vServerGroupId: group.id, backend, intervalMs, timeoutMs }));
      }),
    );
  }

  healthOf(listener: ListenerRef, backend: ClbBackend, now: number): HealthStatus {
    const found = this.#find(listener, now);
    return found === null ? 'unavailable' : this.#healthIn(found.loadBalancer, found.listener, backend);
  }

  listener(ref: ListenerRef, now: number): Listener | null {
    return this.#find(ref, now)?.listener ?? null;
  }

  /**
   * The backend that gets the next request, or TCP connection, of a listener: the one that the client is bound to, else
   * by the listener's scheduler one of the healthy ones with a weight. Null where there is none, or the listener does
   * not run.
   */
  pick(ref: ListenerRef, now: number, asking: Asking = {}): ClbBackend | null {
    const found = this.#find(ref, now);
    if (found === null || found.listener.status !== 'running' || found.loadBalancer.status !== 'active') return null;
    return this.#selection.pick(this.#view(found), asking, now);
  }

  /** The Set-Cookie of an answer by this backend, or null where the listener inserts none. */
  stickyCookie(ref: ListenerRef, backend: ClbBackend, cookie: string, now: number): string | null {
    const listener = this.listener(ref, now);
    return listener !== null && insertsCookie(listener) ? cookieFor(backend, cookie, now) : null;
  }

  /**
   * Whether a backend is still one of the listener and healthy, whatever its weight: connections to it flow on at weight
   * 0, and drain only where this is false (reference E11).
   */
  isStanding(ref: ListenerRef, backend: ClbBackend, now: number): boolean {
    const found = this.#find(ref, now);
    const group = found?.loadBalancer.groups.find((one) => one.id === found.listener.vServerGroupId);
    const isMember = group?.backends.some((one) => backendKey(one) === backendKey(backend)) ?? false;
    return found !== null && isMember && this.#view(found).isHealthy(backend);
  }

  /** Counts one connection (at HTTP listeners: one request under way); every one must be closed once. */
  opened(ref: ListenerRef, backend: ClbBackend): void {
    this.#selection.connections.open(ref, backend);
  }

  closed(ref: ListenerRef, backend: ClbBackend): void {
    this.#selection.connections.close(ref, backend);
  }

  connections(): readonly OpenConnections[] {
    return this.#selection.connections.list();
  }

  #run(name: string, params: Params, now: number): Body {
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (action === undefined) throw clbErrors.actionNotFound();
    if (required(params, 'RegionId') !== this.regionId) throw clbErrors.regionNotFound();
    const cloud = this.#cloud(now);
    return action.kind === 'read' ? action.run(cloud, params) : this.#write(action.run(cloud, params), now);
  }

  #write({ loadBalancerId, next, isLocked, body }: Write, now: number): Body {
    const instance = this.#instances.get(loadBalancerId) ?? { current: null, pending: null, busyUntilMs: 0 };
    if (!isLocked) {
      // A tag put while a write waits must not be undone by it.
      const pending = instance.pending === null || next === null ? null : { ...instance.pending, tags: next.tags };
      this.#store(loadBalancerId, { ...instance, current: next, pending });
      return body;
    }
    if (now < instance.busyUntilMs) throw clbErrors.configuring();
    const { min, max } = this.#options.busyMs ?? { min: 200, max: 1500 };
    const busyUntilMs = now + this.#options.random.between(min, max);
    const isSeenLater = this.#options.applies === 'afterBusy' && next !== null && busyUntilMs > now;
    this.#store(loadBalancerId, {
      current: isSeenLater ? instance.current : next,
      pending: isSeenLater ? next : null,
      busyUntilMs,
    });
    return body;
  }

  #cloud(now: number): Cloud {
    return {
      regionId: this.regionId,
      loadBalancers: this.loadBalancers(now),
      servers: { perCallMax: 40, longDescription: 'keep', ...this.#options.servers },
      portsAndWeights: this.#options.portsAndWeights ?? 'numbers',
      healthOf: (loadBalancer, listener, backend) => this.#healthIn(loadBalancer, listener, backend),
      newId: (prefix) =>
        `${prefix}-${requestIdFrom(this.#options.random).replaceAll('-', '').slice(0, 17).toLowerCase()}`,
    };
  }

  #settle(now: number): void {
    for (const [id, instance] of this.#instances) {
      if (instance.pending === null || now < instance.busyUntilMs) continue;
      this.#store(id, { ...instance, current: instance.pending, pending: null });
    }
  }

  #store(id: string, instance: Instance): void {
    const before = this.#instances.get(id)?.current ?? null;
    if (instance.current === null) this.#instances.delete(id);
    else this.#instances.set(id, instance);
    if (before !== null) this.#health.follow(before, instance.current);
    if (before === instance.current) return;
    if (instance.current === null) this.#selection.forget(id);
    this.#changed();
  }

  #healthIn(loadBalancer: LoadBalancer, listener: Listener, backend: ClbBackend): HealthStatus {
    if (backend.weight === 0 && this.#options.weightZeroHealth === 'abnormal') return 'abnormal';
    return this.#health.statusOf(loadBalancer, listener, backend);
  }

  #find(ref: ListenerRef, now: number): { loadBalancer: LoadBalancer; listener: Listener } | null {
    this.#settle(now);
    const loadBalancer = this.#instances.get(ref.loadBalancerId)?.current;
    const listener = loadBalancer?.listeners.find((one) => one.port === ref.port);
    return loadBalancer && listener ? { loadBalancer, listener } : null;
  }

  #view({ loadBalancer, listener }: { loadBalancer: LoadBalancer; listener: Listener }): ListenerView {
    return {
      loadBalancer,
      listener,
      healthVersion: this.#health.version,
      // As it is, not as it is told: connections live on where the weight is 0.
      isHealthy: (backend) =>
        listener.healthCheck === 'off' || this.#health.statusOf(loadBalancer, listener, backend) === 'normal',
    };
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

function errorBody(error: ClbError, requestId: string): Body {
  return {
    RequestId: requestId,
    HostId: hostId,
    Code: error.code,
    Message: error.message,
    Recommend: `https://api.aliyun.com/troubleshoot?q=${error.code}&product=Slb`,
  };
}
