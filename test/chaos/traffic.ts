import { setTimeout as wait } from 'node:timers/promises';
import type { Counters } from '../../src/sandbox/data-plane/counters.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';

/** One backend at the modelled CLB, as it is, and not as anybody asked. */
export interface BackendNow {
  readonly group: string;
  readonly serverIp: string;
  readonly weight: number;
  readonly isHealthy: boolean;
  readonly isOfTarget: boolean;
}

interface StateNow {
  readonly loadBalancers: Readonly<
    Record<
      string,
      {
        readonly groups: Readonly<
          Record<string, { backends: readonly { serverIp: string; weight: number; health: string; owner: string }[] }>
        >;
      }
    >
  >;
}

const targetOwner = 'istio-system/istio-ingressgateway-asm';

export function trafficOf({ controls }: Sandbox): readonly BackendNow[] {
  const { loadBalancers } = controls.state() as StateNow;
  return Object.entries(loadBalancers['lb-public']?.groups ?? {}).flatMap(([group, { backends }]) =>
    backends.map(({ serverIp, weight, health, owner }) => ({
      ...{ group, serverIp, weight },
      isHealthy: health !== 'abnormal',
      isOfTarget: owner === targetOwner,
    })),
  );
}

/** Per cent of new requests that the target gets by the weights, of the group where it gets most. */
export function shareOf(traffic: readonly BackendNow[]): number {
  const groups = [...new Set(traffic.map(({ group }) => group))];
  return Math.max(0, ...groups.map((group) => shareIn(traffic.filter((one) => one.group === group))));
}

function shareIn(backends: readonly BackendNow[]): number {
  const all = sumOf(backends);
  return all === 0 ? 0 : (100 * sumOf(backends.filter(({ isOfTarget }) => isOfTarget))) / all;
}

function sumOf(backends: readonly BackendNow[]): number {
  return backends.reduce((sum, { weight }) => sum + weight, 0);
}

/** One line for each backend, to be compared with another moment's. */
export function weightsIn(traffic: readonly BackendNow[]): string {
  return traffic
    .map(({ group, serverIp, weight }) => `${group} ${serverIp}=${weight}`)
    .sort()
    .join('\n');
}

/** What a look-out has seen since it began. */
export interface Seen {
  /** The largest share of the target. */
  readonly shareMax: number;
  /** Groups that had no weight on any healthy backend at some moment. */
  readonly dark: readonly string[];
  readonly lost: number;
}

const lookEveryMs = 20;

/** Looks at the load balancer fifty times a second until it is stopped. */
export function lookOut(sandbox: Sandbox): { readonly seen: () => Seen; stop(): Promise<void> } {
  const stopping = new AbortController();
  const lostOf = (): number => (sandbox.controls.counters() as Counters).lost.sinceStart;
  const lostBefore = lostOf();
  let shareMax = 0;
  const dark = new Set<string>();
  const looking = (async () => {
    while (!stopping.signal.aborted) {
      const traffic = trafficOf(sandbox);
      shareMax = Math.max(shareMax, shareOf(traffic));
      for (const { group } of traffic) {
        const isLit = traffic.some((one) => one.group === group && one.isHealthy && one.weight > 0);
        if (!isLit) dark.add(group);
      }
      await wait(lookEveryMs);
    }
  })();
  return {
    seen: () => ({ shareMax, dark: [...dark], lost: lostOf() - lostBefore }),
    stop: async () => {
      stopping.abort();
      await looking;
    },
  };
}
