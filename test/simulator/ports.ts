import { memoryAlerts } from '../../src/adapters/memory/alerts.ts';
import { type memoryContents, memoryStore } from '../../src/adapters/memory/store.ts';
import { checkedRecord } from '../../src/adapters/memory/stored-record.ts';
import type { Notice } from '../../src/domain/notice.ts';
import type { GroupReading } from '../../src/domain/observation.ts';
import type { MigrationRecord } from '../../src/domain/record.ts';
import type { Route, Side } from '../../src/domain/spec.ts';
import type { Split } from '../../src/domain/subset-route.ts';
import type { Sample } from '../../src/domain/verdict.ts';
import { ConflictError, FencedError, RescuedError, TerminalError, TransientError } from '../../src/ports/errors.ts';
import { type KeptBaselines, noMark } from '../../src/ports/kept-baselines.ts';
import type { LoadBalancer, WeightedBackend } from '../../src/ports/load-balancer.ts';
import type { Holder, MigrationStore } from '../../src/ports/migration-store.ts';
import type { Ports } from '../../src/ports/ports.ts';
import type { TrafficRouter } from '../../src/ports/traffic-router.ts';
import { aListener, aLoadBalancer, aroundService, groupsIn } from '../fixtures/surroundings.ts';
import type { Calls } from './calls.ts';
import type { Commit } from './facts.ts';
import type { Instance } from './instance.ts';
import type { Scenario } from './scenario.ts';
import { sent } from './secret.ts';
import type { SharedJson } from './shared-json.ts';
import { absentService, podsOf, readService, readSide, toldHealth, unknownService } from './state.ts';
import { splitsOf, subsetsBehind } from './subset-ports.ts';
import type { World } from './world.ts';

const busyTriesMax = 3;
const busyMs = 250;

/** What checks hear of each effect on the world, at the moment at which it takes place. */
export interface Listening {
  committed(commit: Commit): void;
  /** Before the write: what it is about to do. */
  writing(
    instance: Instance,
    route: number,
    side: 'source' | 'target',
    weights: { readonly weight: string | null; readonly overrides: Readonly<Record<string, string | null>> },
    fence: number,
  ): void;
  sealing(instance: Instance, route: number, side: 'source' | 'target', fence: number): void;
  splitting(instance: Instance, index: number, split: Split, fence: number): void;
  /** @param isLate it was sent long ago, and whoever sent it was told of a time-out */
  setting(
    instance: Instance,
    route: number,
    group: string,
    backends: readonly WeightedBackend[],
    isLate: boolean,
  ): void;
  released(holder: Holder): void;
  posted(channel: string, notice: Notice): void;
  kept(name: string, isEmptied: boolean): void;
  looked(instance: Instance, name: string, samples: readonly Sample[]): void;
  probed(instance: Instance, side: 'source' | 'target', isOk: boolean): void;
  leased(instance: Instance, thing: string): void;
}

/** The outside of all invocations of a run: one store, one world. */
export interface Outside {
  readonly world: World;
  readonly scenario: Scenario;
  readonly calls: Calls;
  readonly contents: ReturnType<typeof memoryContents>;
  readonly samples: readonly Sample[];
  readonly listening: Listening;
  /** What was committed last, by name; not what a failover left of it. */
  readonly records: Map<string, MigrationRecord>;
  /** The newest text of each name, and what is read of it: nobody changes a record, and most are read more than once. */
  readonly parsed: Map<string, { readonly text: string; readonly record: MigrationRecord }>;
  /** Null: records are written and read as every other store does it. */
  readonly json: SharedJson | null;
  invoke(name: string, id: string, inMs: number): void;
  /** The fence of a real adapter; a mutant leaves it away. */
  readonly isFenceChecked: boolean;
}

export type SimulatedPorts = Ports & { readonly kept: KeptBaselines };

/** The ports of one invocation. */
export function portsOf(outside: Outside, instance: Instance): SimulatedPorts {
  const { scenario } = outside;
  return {
    installation: {
      clusters: ['ack', 'ack-2'],
      meshes: ['asm'],
      channels: ['ops', 'dev'],
      signals: [],
      watchEveryMs: scenario.watchEveryMs,
    },
    clock: { now: () => Math.floor(instance.nowMs), sleep: (ms) => instance.pause(ms) },
    store: storeOf(outside, instance),
    router: routerOf(outside, instance),
    kept: keptOf(outside, instance),
    loadBalancer: loadBalancerOf(outside, instance),
    alerts: memoryAlerts({ now: () => instance.nowMs }),
    signals: {
      record: async () => undefined,
      read: (name, sinceMs) =>
        outside.calls.call(instance, 'signals.read', () => {
          if (outside.calls.weather.outageOf('signals'))
            throw new TransientError('sim: the signals give no answer', sent);
          const samples = outside.samples.filter(({ fromMs }) => fromMs >= sinceMs);
          outside.listening.looked(instance, name, samples);
          return samples;
        }),
    },
    probe: probeOf(outside, instance),
    notifier: {
      post: (channel, notice) =>
        outside.calls.call(
          instance,
          'notifier.post',
          () => {
            if (outside.calls.weather.outageOf('chat')) throw new TransientError('sim: the chat gives no answer', sent);
            outside.listening.posted(channel, notice);
          },
          `${notice.kind} to ${channel}`,
        ),
    },
    invoker: {
      invoke: (name, id, inMs) =>
        outside.calls.call(instance, 'invoker.invoke', () => outside.invoke(name, id, inMs), name),
    },
  };
}

function storeOf(outside: Outside, instance: Instance): MigrationStore {
  const { calls, world, scenario, contents, listening, records, parsed, json } = outside;
  const nowMs = (): number => Math.floor(world.scheduler.nowMs);
  const textOf =
    json === null ? JSON.stringify : (record: MigrationRecord): string => json.write(record.name, record).text;
  const memory = memoryStore({ now: nowMs, contents, textOf });
  const answering = <T>(work: () => T): T => {
    if (calls.weather.outageOf('store')) throw new TransientError('sim: the store gives no answer', sent);
    return work();
  };
  const read = (name: string): Promise<MigrationRecord | null> | MigrationRecord => {
    const text = contents.migrations.get(name)?.text ?? '';
    const known = parsed.get(name);
    if (known?.text === text) return known.record;
    return memory.load(name).then((record) => {
      if (record !== null) parsed.set(name, { text, record });
      return record;
    });
  };
  // The twin does its work within the call, so that its promise is done before anybody else moves.
  return {
    now: () => calls.call(instance, 'store.now', () => answering(nowMs)),
    load: (name) => calls.call(instance, 'store.load', () => answering(() => read(name)), name),
    commit: (next, expected, history) =>
      calls.call(
        instance,
        'store.commit',
        () =>
          answering(() => {
            const current = contents.migrations.get(next.name)?.revision ?? 0;
            const done = memory.commit(next, expected, history);
            const isDone = contents.migrations.get(next.name)?.revision === next.revision && current === expected;
            if (!isDone) return done;
            const { name, revision } = next;
            const text = contents.migrations.get(name)?.text ?? '';
            if (json !== null)
              parsed.set(name, { text, record: checkedRecord(name, revision, json.write(name, next).value) });
            const before = records.get(next.name) ?? null;
            records.set(next.name, next);
            if (name === scenario.spec.name && before?.state !== next.state) calls.weather.entered(next.state);
            listening.committed({ instance, before, next, history });
            return done;
          }),
        `${next.name} ${next.revision} ${next.state}`,
      ),
    due: (withinMs, limit) => calls.call(instance, 'store.due', () => answering(() => memory.due(withinMs, limit))),
    names: (limit) => calls.call(instance, 'store.load', () => answering(() => memory.names(limit))),
    history: (name, limit) => calls.call(instance, 'store.load', () => answering(() => memory.history(name, limit))),
    claim: (claims, holder) =>
      calls.call(instance, 'store.claim', () => answering(() => memory.claim(claims, holder)), holder.name),
    release: (claims, holder) =>
      calls.call(
        instance,
        'store.release',
        () =>
          answering(() => {
            listening.released(holder);
            return memory.release(claims, holder);
          }),
        holder.name,
      ),
    lease: (thing, holder, forMs) =>
      calls.call(
        instance,
        'store.lease',
        () =>
          answering(() => {
            const answer = memory.lease(thing, holder, forMs);
            if (contents.leases.get(thing)?.holder === holder) listening.leased(instance, thing);
            return answer;
          }),
        thing,
      ),
    endLease: (thing, holder) =>
      calls.call(instance, 'store.endLease', () => answering(() => memory.endLease(thing, holder)), thing),
    close: async () => undefined,
  };
}

function routerOf(outside: Outside, instance: Instance): TrafficRouter {
  const { calls, world, listening } = outside;
  const { weather } = calls;
  const assertCluster = (cluster: string): void => {
    if (weather.outageOf(cluster === 'ack-2' ? 'ack-2' : 'ack'))
      throw new TransientError(`sim: cluster ${cluster} gives no answer`, sent);
  };
  const keep = (name: string, fence: number, baseline: Parameters<TrafficRouter['keepBaseline']>[1] | null): void => {
    assertCluster('ack');
    const found = world.kept.get(name);
    if (found === undefined && baseline === null) return;
    if (found !== undefined && found.fence > fence && outside.isFenceChecked) {
      throw new FencedError(`ConfigMap sluice-${name} was written by revision ${found.fence}`, found.fence);
    }
    const rescueFence = baseline === null ? (found?.mark.fence ?? 0) : 0;
    if (rescueFence > fence && outside.isFenceChecked) throw new RescuedError(`${name} is brought back`, rescueFence);
    world.kept.set(name, { baseline, fence, version: (found?.version ?? 0) + 1, mark: noMark });
    listening.kept(name, baseline === null);
  };
  const patch = async (
    route: Route,
    side: Side,
    fence: number,
    what: string,
    apply: (index: number) => void,
  ): Promise<void> => {
    const index = world.indexOf(route.loadBalancer);
    const ref = side === 'source' ? route.source : route.target;
    const answers = (): void => {
      if (ref.kind === 'service') assertCluster(ref.cluster);
      else if (weather.outageOf('asm')) throw new TransientError('sim: the mesh gives no answer', sent);
    };
    const look = (): number => {
      answers();
      const own = world.route(index).sides[side];
      if (outside.isFenceChecked && own.fence !== null && own.fence > fence) {
        throw new FencedError(`the ${side} was written by revision ${own.fence}, newer than ${fence}`, own.fence);
      }
      return own.version;
    };
    const version = await calls.call(instance, 'router.look', look, what);
    const write = (): void => {
      answers();
      const own = world.route(index).sides[side];
      if (own.version !== version) throw new ConflictError(`the ${side} changed in between`);
      apply(index);
    };
    await calls.call(instance, 'router.write', write, what);
  };
  return {
    read: (route) => {
      const index = world.indexOf(route.loadBalancer);
      instance.noteRead(`router ${index}`);
      return calls.call(instance, 'router.read', () => {
        const { state } = world;
        const now = world.route(index);
        assertCluster('ack');
        const source = readSide(state, now, 'source');
        const target = readSide(state, now, 'target');
        const services = now.sides.target.services.map((one) =>
          one.cluster === 'ack-2' && weather.outageOf('ack-2')
            ? unknownService(one)
            : readService(state, now, 'target', one),
        );
        const isAway = route.target.kind === 'gateway' && weather.outageOf('asm');
        if (isAway || services.some(({ isUnknown }) => isUnknown)) instance.noteUntold();
        return { source, target: { carrier: isAway ? null : target.carrier, services } };
      });
    },
    write: async (route, side, weights, fence, mark) => {
      const what = `${side} "${weights.weight ?? 'absent'}" on ${route.loadBalancer} with fence ${fence}`;
      await patch(route, side, fence, what, (index) => {
        listening.writing(instance, index, side, weights, fence);
        world.patchCarrier(index, side, {
          weights,
          fence,
          writtenBy: 'sluice',
          ...(mark === undefined ? {} : { mark }),
        });
      });
    },
    seal: (route, side, fence) =>
      patch(route, side, fence, `seal of the ${side} on ${route.loadBalancer} with fence ${fence}`, (index) => {
        listening.sealing(instance, index, side, fence);
        world.patchCarrier(index, side, { fence });
      }),
    nudge: (route, side, mark, fence) =>
      patch(route, side, fence, `nudge of the ${side} on ${route.loadBalancer} with fence ${fence}`, (index) => {
        calls.hit('nudge');
        world.patchCarrier(index, side, { fence, mark });
        world.nudgeServices(index, side);
      }),
    // What stands around is as it should be; of what it cannot read, the real one tells without an error.
    survey: async ({ loadBalancer }) => {
      const { sides } = world.route(world.indexOf(loadBalancer));
      return {
        source: { services: sides.source.services.map((one) => aroundService(absentService(one))), gateway: null },
        target: { services: sides.target.services.map((one) => aroundService(absentService(one))), gateway: null },
      };
    },
    ...splitsOf(outside, instance),
    discover: (side) =>
      calls.call(instance, 'router.read', () =>
        world.state.routes.flatMap((route) => {
          const one = side.kind === 'gateway' || route.route.target === side ? 'target' : 'source';
          return readSide(world.state, route, one).services;
        }),
      ),
    keepBaseline: (name, baseline, fence) =>
      calls.call(instance, 'router.keepBaseline', () => keep(name, fence, baseline), `${name} with fence ${fence}`),
    readBaseline: (name) =>
      calls.call(instance, 'router.readBaseline', () => {
        assertCluster('ack');
        return world.kept.get(name)?.baseline ?? null;
      }),
    emptyBaseline: (name, _baseline, fence) =>
      calls.call(instance, 'router.emptyBaseline', () => keep(name, fence, null), `${name} with fence ${fence}`),
  };
}

function keptOf({ calls, world }: Outside, instance: Instance): KeptBaselines {
  const answering = (): void => {
    if (calls.weather.outageOf('ack')) throw new TransientError('sim: cluster ack gives no answer', sent);
  };
  return {
    list: () =>
      calls.call(instance, 'kept.list', () => {
        answering();
        const found = [...world.kept].sort(([, one], [, other]) => other.fence - one.fence);
        const ways = found.flatMap(([name, { baseline, mark, version }]) =>
          baseline === null
            ? []
            : [{ name, cluster: 'ack', namespace: 'istio-system', baseline, mark, version: `${version}` }],
        );
        return { ways, problems: [] };
      }),
    mark: (way, mark) =>
      calls.call(
        instance,
        'kept.mark',
        () => {
          answering();
          const found = world.kept.get(way.name);
          if (found === undefined || `${found.version}` !== way.version) {
            throw new ConflictError(`ConfigMap sluice-${way.name} changed since it was listed`);
          }
          world.kept.set(way.name, { ...found, mark, version: found.version + 1 });
        },
        `${way.name} ${JSON.stringify(mark)}`,
      ),
  };
}

function loadBalancerOf(outside: Outside, instance: Instance): LoadBalancer {
  const { calls, world, scenario, listening } = outside;
  const answering = (): void => {
    if (calls.weather.outageOf('clb')) throw new TransientError('sim: the CLB gives no answer', sent);
  };
  return {
    describeGroups: (loadBalancer) => {
      const index = world.indexOf(loadBalancer);
      instance.noteRead(`clb ${index}`);
      return calls.call(instance, 'loadBalancer.describeGroups', () => {
        answering();
        const route = world.route(index);
        return route.groups.map(
          ({ port, group, backends }): GroupReading => ({
            port,
            group,
            backends: backends.map((backend) => ({
              serverId: backend.serverId,
              serverIp: backend.serverIp,
              port: backend.port,
              weight: backend.weight,
              type: backend.type,
              description: backend.description,
              health: toldHealth(world.state, route.sides[backend.side].mode, backend, {
                isChecked: scenario.hasHealthChecks && world.isChecked(group, backend),
                isZeroAbnormal: scenario.isZeroAbnormal,
              }),
            })),
          }),
        );
      });
    },
    describeListeners: (loadBalancer) =>
      calls.call(instance, 'loadBalancer.describeListeners', () => {
        answering();
        const { groups, listener } = world.route(world.indexOf(loadBalancer));
        return groups.map(({ port, group }) =>
          aListener({ port, group, hasHealthCheck: scenario.hasHealthChecks, ...listener }),
        );
      }),
    describe: (id) =>
      calls.call(instance, 'loadBalancer.describe', () => {
        answering();
        const { groups } = world.route(world.indexOf(id));
        return aLoadBalancer({ id, groups: groupsIn(groups) });
      }),
    setWeights: async (group, backends) => {
      const about = `${group} ${backends.map(({ serverId, weight }) => `${serverId}=${weight}`).join(' ')}`;
      const index = world.state.routes.findIndex(({ groups }) => groups.some((one) => one.group === group));
      const { loadBalancer } = world.route(index).route;
      // As the real client does: a load balancer that is busy with another write is asked again, a few times.
      for (let attempt = 1; attempt < busyTriesMax && world.lockOf(loadBalancer) !== null; attempt++) {
        await instance.pause(busyMs * 2 ** (attempt - 1));
      }
      const set = (): void => {
        answering();
        const found = world.route(index).groups.find((one) => one.group === group)?.backends ?? [];
        const isOf = (one: WeightedBackend) => (two: WeightedBackend) =>
          one.serverId === two.serverId && one.serverIp === two.serverIp && one.port === two.port;
        if (backends.some((one) => !found.some(isOf(one)))) {
          throw new TerminalError(`sim: a backend is not in ${group}`);
        }
        if (world.lockOf(loadBalancer) !== null) throw new TransientError('sim: BackendServer.configuring', sent);
        listening.setting(instance, index, group, backends, calls.isLate);
        world.lock(loadBalancer, instance.name, 500);
        const next = found.map((one) => ({ ...one, weight: backends.find(isOf(one))?.weight ?? one.weight }));
        world.setBackends(index, group, next, 'ours');
      };
      await calls.call(instance, 'loadBalancer.setWeights', set, about);
    },
  };
}

function probeOf({ calls, world, listening }: Outside, instance: Instance): Ports['probe'] {
  return {
    ask: async (_probe, services) => {
      const names = new Set(services.map(({ name }) => name));
      const isSource = world.state.routes.some(({ route }) => names.has(route.source.name));
      const side = subsetsBehind(world, services)?.side ?? (isSource ? 'source' : 'target');
      try {
        return await calls.call(instance, 'probe.ask', () => {
          const pods = services.flatMap(({ cluster }) => podsOf(world.state, side, cluster));
          const isServed =
            subsetsBehind(world, services)?.isServed ?? pods.some(({ isReady, isHealthy }) => isReady && isHealthy);
          const isOk = !calls.weather.failsProbes(side) && isServed;
          listening.probed(instance, side, isOk);
          return { isOk, detail: isOk ? '200' : '503' };
        });
      } catch (error) {
        // No answer is an answer: the port never throws.
        return { isOk: false, detail: error instanceof Error ? error.message : 'no answer' };
      }
    },
    // An entry decides nothing, whatever it answers.
    enter: async () => ({ isOk: null, detail: 'sim: it has no entries' }),
    // No scenario names paths: they are compared before anything moves, and decide nothing afterwards.
    request: async () => ({ failure: 'sim: nothing is compared' }),
  };
}
