import type { Side } from '../addresses.ts';
import type { Chat } from '../chat/chat.ts';
import type { ClbModel } from '../clb/model.ts';
import type { SandboxClock } from '../clock.ts';
import type { DataPlane } from '../data-plane/load-balancer.ts';
import type { FaultPlace, Faults } from '../faults.ts';
import type { FunctionCompute } from '../function-compute/function-compute.ts';
import type { Mesh } from '../mesh/mesh.ts';
import { allBackends, allBackendsMax, quota, type SandboxOptions } from '../options.ts';
import type { Seeded } from '../seeding.ts';
import type { ClientTraffic, Gateways } from '../traffic.ts';
import { ChangeRefused, type Controls, UnknownSubset } from './control.ts';
import type { FaultList, GatewayChange } from './schemas.ts';
import { loadBalancersState } from './state.ts';

export interface ControlParts {
  readonly clb: ClbModel;
  readonly plane: Pick<DataPlane, 'entries'>;
  readonly clock: SandboxClock;
  readonly faults: Faults;
  readonly chat: Chat;
  readonly functions: FunctionCompute;
  readonly gateways: Gateways;
  readonly traffic: ClientTraffic;
  readonly seeded: Seeded;
  readonly mesh: Pick<Mesh, 'subsets' | 'setSubset'>;
  readonly counters: () => unknown;
  /** Resolves when the controllers have nothing to do; rejects when that takes too long. */
  readonly settled: () => Promise<void>;
  readonly options: SandboxOptions;
  /** Places where no fault can strike in this sandbox, and why. */
  readonly untouchable: Readonly<Partial<Record<FaultPlace, string>>>;
}

/** The control API's view of a sandbox. Changes of gateways are made one after another, in the order they came. */
export function sandboxControls(parts: ControlParts): Controls {
  const { clb, clock, faults, gateways, traffic, functions } = parts;
  let last: Promise<unknown> = Promise.resolve();
  return {
    state: () => ({
      time: new Date(clock.now()).toISOString(),
      loadBalancers: loadBalancersState(clb, parts.plane.entries, clock.now()),
      gateways: { source: gateways.setting('source'), target: gateways.setting('target') },
      subsets: parts.mesh.subsets(),
      clients: traffic.setting(),
      faults: faults.list(),
      functions: functions.host.states(),
    }),
    counters: parts.counters,
    chat: () => parts.chat.messages(),
    setGateway: (side, change) => {
      const made = last.then(() => changeGateway(parts, side, change));
      // The next change waits for this one, whatever became of it; who asked for it gets the error.
      last = made.catch(() => undefined);
      return made;
    },
    setSubset: async (host, subset, change) => {
      if (await parts.mesh.setSubset(host, subset, change)) return parts.mesh.subsets()[host]?.[subset];
      throw new UnknownSubset(pathOf(host, subset), pathsOf(parts.mesh));
    },
    setClients: async (change) => {
      traffic.set(change);
      return traffic.setting();
    },
    putFaults: async (list) => {
      refuseUntouchable(parts.untouchable, list);
      faults.put(list);
      return faults.list();
    },
    clearFaults: async () => {
      faults.clear();
      return faults.list();
    },
  };
}

function pathOf(host: string, subset: string): string {
  return `/subsets/${host}/${subset}`;
}

function pathsOf(mesh: Pick<Mesh, 'subsets'>): readonly string[] {
  return Object.entries(mesh.subsets()).flatMap(([host, subsets]) =>
    Object.keys(subsets).map((subset) => pathOf(host, subset)),
  );
}

async function changeGateway(parts: ControlParts, side: Side, change: GatewayChange): Promise<unknown> {
  const { gateways } = parts;
  if (change.backends !== undefined && change.backends !== gateways.setting(side).backends) {
    await changeBackends(parts, side, change.backends);
  }
  await gateways.set(side, change);
  return gateways.setting(side);
}

async function changeBackends(parts: ControlParts, side: Side, backends: number): Promise<void> {
  const { gateways, seeded, options } = parts;
  const { mode } = options;
  const other = side === 'source' ? 'target' : 'source';
  // In cluster mode the nodes are the backends of both sides.
  const sides: readonly Side[] = mode === 'cluster' ? [side, other] : [side];
  const count = (one: Side): number => (sides.includes(one) ? backends : gateways.setting(one).backends);
  const asked = { ...options, sourceBackends: count('source'), targetBackends: count('target') };
  if (allBackends(asked) > allBackendsMax) throw new ChangeRefused(`backends: ${quota}`);
  const isMore = backends > gateways.setting(side).backends;
  if (isMore) for (const one of sides) await gateways.listen(one, backends);
  await seeded.setBackends(side, backends);
  // By the name of a Service one gets to its endpoints, so before those that go are deaf.
  parts.traffic.callPods(gateways.pods('source', count('source')));
  if (isMore) return;
  // As with pods that end: out of the load balancer first, and only then deaf. A controller that is kept from its work
  // by a fault does not keep them for ever.
  await parts.settled().catch(() => undefined);
  for (const one of sides) await gateways.listen(one, backends);
}

function refuseUntouchable(untouchable: ControlParts['untouchable'], list: FaultList): void {
  for (const { where } of list) {
    const why = untouchable[where];
    if (why !== undefined) throw new ChangeRefused(`faults at ${where}: ${why}`);
  }
}
