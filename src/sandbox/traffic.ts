import {
  addressOfBackend,
  callerAddress,
  podPorts,
  type SandboxAddresses,
  type Side,
  takeAddresses,
} from './addresses.ts';
import type { Base } from './base.ts';
import type { ClbModel } from './clb/model.ts';
import type { Closing } from './closing.ts';
import type { Clusters } from './clusters.ts';
import type { ClientsChange, GatewayChange } from './control/schemas.ts';
import { type Clients, startClients } from './data-plane/clients.ts';
import { type Gateway, startGateway } from './data-plane/gateway.ts';
import type { CalledHost } from './data-plane/gateway-messages.ts';
import { type DataPlane, startLoadBalancer } from './data-plane/load-balancer.ts';
import { clusterName } from './environment.ts';

/** What a gateway of a side does now. */
export interface GatewaySetting {
  readonly errorRate: number;
  readonly latencyMs: number;
  readonly probes: boolean;
  readonly backends: number;
  /** Where its Envoy tells its counters, for a Prometheus to scrape. */
  readonly metrics: string;
}

export type Sides<T> = Readonly<Record<Side, T>>;

/** Gateways as processes: one of each side, listening at the addresses of all its backends. */
export interface Gateways {
  readonly of: Sides<Gateway>;
  setting(side: Side): GatewaySetting;
  /** Everything but `backends`, which is a matter of the clusters as well. */
  set(side: Side, change: GatewayChange): Promise<void>;
  listen(side: Side, backends: number): Promise<void>;
  /** URLs of that many pods in the first cluster, where a caller inside it gets by the Service's name. */
  pods(side: Side, backends: number): readonly string[];
  /** What pages call inside the mesh, whichever side they came through. */
  call(hosts: readonly CalledHost[]): Promise<void>;
}

/** The loopback addresses of every ACK cluster by its name. */
export interface AddressBook {
  of(cluster: string): SandboxAddresses;
  /** Where the gateway of a side listens with that many backends in the first cluster; added ones keep their number. */
  listens(side: Side, backends: number): ReturnType<SandboxAddresses['listens']>;
}

/** Takes addresses for all clusters; in an added one there are backends of the target only. */
export async function takeAllAddresses(base: Base, clusters: Clusters): Promise<AddressBook> {
  const { sourceBackends, targetBackends, mode } = base.options;
  const book: Record<string, SandboxAddresses> = {};
  for (const [at, name] of Object.keys(clusters.ack).entries()) {
    const backends = { source: name === clusterName ? sourceBackends : 0, target: targetBackends };
    const taken = await takeAddresses({ random: base.random(30 + at), mode, backends });
    book[name] = base.closing.add(`the addresses of ${name}`, taken, (one) => one.release());
  }
  const of = (cluster: string): SandboxAddresses => {
    const addresses = book[cluster];
    if (addresses === undefined) throw new Error(`no cluster ${cluster}`);
    return addresses;
  };
  const others = Object.keys(book).filter((name) => name !== clusterName);
  return {
    of,
    listens: (side, backends) => [
      ...of(clusterName).listens(side, mode, backends),
      ...(side === 'source' ? [] : others.flatMap((name) => of(name).listens(side, mode, targetBackends))),
    ],
  };
}

export async function startGateways(base: Base, addresses: AddressBook, program: string): Promise<Gateways> {
  const backends = { source: base.options.sourceBackends, target: base.options.targetBackends };
  const start = async (side: Side): Promise<Gateway> => {
    const listen = addresses.listens(side, backends[side]);
    return base.closing.add(`the ${side} gateway`, await startGateway({ side, program, listen }), (one) => one.stop());
  };
  const of = { source: await start('source'), target: await start('target') };
  const first = (side: Side): GatewaySetting => ({
    errorRate: 0,
    latencyMs: 0,
    probes: true,
    backends: backends[side],
    metrics: `${of[side].adminUrl}/stats/prometheus`,
  });
  const settings: Record<Side, GatewaySetting> = { source: first('source'), target: first('target') };
  return {
    of,
    setting: (side) => settings[side],
    set: async (side, { backends: _, ...knobs }) => {
      await of[side].set(knobs);
      settings[side] = { ...settings[side], ...knobs };
    },
    listen: async (side, count) => {
      await of[side].listen(addresses.listens(side, count));
      settings[side] = { ...settings[side], backends: count };
    },
    pods: (side, count) =>
      Array.from({ length: count }, (_, at) => `http://${addresses.of(clusterName).pod(side, at)}:${podPorts[0]}`),
    call: async (hosts) => void (await Promise.all([of.source.call(hosts), of.target.call(hosts)])),
  };
}

/** The front doors of the load balancers; they follow the listeners. */
export async function startEntries({ clock, closing }: Base, model: ClbModel): Promise<DataPlane> {
  const plane = await startLoadBalancer({ model, clock, addressOf: addressOfBackend });
  return closing.add('the load balancers', plane, (one) => one.stop());
}

/**
 * The clients that send requests all the time, in turns to the plain entry of each load balancer; and callers inside the
 * cluster, who use the name of the source's Service and come past every load balancer (reference E34).
 */
export interface ClientTraffic {
  readonly clients: Clients;
  setting(): Required<ClientsChange>;
  set(change: ClientsChange): void;
  /** Where callers inside the cluster get by the name of the source's Service, from now on. */
  callPods(urls: readonly string[]): void;
}

const connections = 8;

export interface TrafficStart {
  /** Plain entries. */
  readonly urls: readonly string[];
  /** Of the source. */
  readonly pods: readonly string[];
  readonly ratePerSecond: number;
}

export function startTraffic({ urls, pods, ratePerSecond }: TrafficStart, closing: Closing): ClientTraffic {
  const page = { host: 'shop.example.com', path: '/productpage', connections };
  const clients = closing.add('the clients', startClients({ ...page, urls, ratePerSecond }), (one) => one.stop());
  const calling = startClients({ ...page, urls: pods, ratePerSecond: 0, addressOf: callerAddress });
  const callers = closing.add('the callers', calling, (one) => one.stop());
  let setting = { ratePerSecond, connections, direct: 0 };
  return {
    clients,
    setting: () => setting,
    set: (change) => {
      clients.set(change);
      if (change.direct !== undefined) callers.set({ ratePerSecond: change.direct });
      setting = { ...setting, ...change };
    },
    callPods: (at) => callers.set({ urls: at }),
  };
}
