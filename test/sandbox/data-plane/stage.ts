import { Agent } from 'node:http';
import type { ClbBackend } from '../../../src/sandbox/clb/load-balancer.ts';
import type { ClbModel } from '../../../src/sandbox/clb/model.ts';
import { sandboxClock } from '../../../src/sandbox/clock.ts';
import { type Clients, type ClientsOptions, startClients } from '../../../src/sandbox/data-plane/clients.ts';
import { countersOf, type OpenBySide } from '../../../src/sandbox/data-plane/counters.ts';
import { type Gateway, startGateway } from '../../../src/sandbox/data-plane/gateway.ts';
import type { ListenPair } from '../../../src/sandbox/data-plane/gateway-messages.ts';
import { type DataPlane, startLoadBalancer } from '../../../src/sandbox/data-plane/load-balancer.ts';
import { backendsAt, balancerOver, freePairs, get, put, until } from './fixture.ts';

/** Both gateways behind lb-public, with what is opened remembered. */
export interface Stage {
  readonly model: ClbModel;
  readonly plane: DataPlane;
  readonly source: Gateway;
  readonly target: Gateway;
  readonly sourceBackends: readonly ClbBackend[];
  readonly targetBackends: readonly ClbBackend[];
  /** A call of the OpenAPI that must succeed; doors have followed when it resolves. */
  call(action: string, params: Record<string, string>): Promise<void>;
  /** Sets the weight of every backend of a side. */
  weigh(source: number, target: number): Promise<void>;
  /** Port 80 as a TCP listener with these fields, in place of the HTTP one. */
  listenTcp(fields?: Record<string, string>): Promise<void>;
  /** Where port 80 is reached, for an HTTP client whatever the listener's protocol is. */
  url(): string;
  clients(options?: Partial<ClientsOptions>): Clients;
  /** A keep-alive client of one connection; resolves with the side that answers. */
  visitor(): { ask(): Promise<string> };
  connections(): OpenBySide | undefined;
  stop(): Promise<void>;
}

export interface StageOptions {
  readonly program: string;
  /** Address block of this test: the source's, and the target's is the next. */
  readonly block: number;
  readonly backends?: number;
  readonly weights: readonly [source: number, target: number];
  readonly speed?: number;
}

export async function startStage(options: StageOptions): Promise<Stage> {
  const opened: (() => Promise<void> | void)[] = [];
  const { program, block, backends = 1, weights, speed = 10 } = options;
  const gatewayAt = async (side: 'source' | 'target', listen: readonly ListenPair[]): Promise<Gateway> => {
    const gateway = await startGateway({ side, program, listen });
    opened.push(() => gateway.stop());
    return gateway;
  };
  const [ours, theirs] = [await freePairs(backends, block), await freePairs(backends, block + 1)];
  const [source, target] = [await gatewayAt('source', ours), await gatewayAt('target', theirs)];
  const model = balancerOver([]);
  const [sourceBackends, targetBackends] = [backendsAt(ours, weights[0]), backendsAt(theirs, weights[1])];
  put(model, [...sourceBackends, ...targetBackends]);
  const clock = sandboxClock(speed);
  const plane = await startLoadBalancer({ model, clock, addressOf: ({ serverIp }) => serverIp || null });
  opened.push(() => plane.stop());
  const url = (): string => (plane.entries['lb-public']?.['80'] ?? '').replace('tcp:', 'http:');
  const call = async (action: string, params: Record<string, string>): Promise<void> => {
    const all = { RegionId: 'cn-hangzhou', LoadBalancerId: 'lb-public', ...params };
    const { status, body } = model.call(action, all, clock.now());
    if (status !== 200) throw new Error(`${action}: ${String(body['Code'])}`);
    await plane.check();
  };
  return {
    model,
    plane,
    source,
    target,
    sourceBackends,
    targetBackends,
    url,
    call,
    weigh: (a, b) => {
      const all = [...sourceBackends.map(serverOf(a)), ...targetBackends.map(serverOf(b))];
      return call('SetVServerGroupAttribute', { VServerGroupId: 'rsp', BackendServers: JSON.stringify(all) });
    },
    listenTcp: async (fields = {}) => {
      await call('DeleteLoadBalancerListener', { ListenerPort: '80' });
      await call('CreateLoadBalancerTCPListener', { ListenerPort: '80', VServerGroupId: 'rsp', ...fields });
      await call('StartLoadBalancerListener', { ListenerPort: '80' });
    },
    clients: (more = {}) => {
      const fixed = { host: 'shop.example.com', path: '/productpage', ratePerSecond: 200, connections: 8 };
      const clients = startClients({ urls: [url()], ...fixed, ...more });
      opened.push(() => clients.stop());
      return clients;
    },
    visitor: () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      opened.push(() => agent.destroy());
      return { ask: async () => sideIn((await get(`${url()}/productpage`, {}, agent)).body) };
    },
    connections: () => countersOf(source, target, silent, plane).connections?.['lb-public'],
    stop: async () => {
      for (const end of opened.splice(0).reverse()) await end();
    },
  };
}

/** Per cent of `requests` more that the gateways count for the target, where a few that are reported late do not matter. */
export async function observedShare({ source, target }: Stage, requests: number): Promise<number> {
  const before = [source, target].map(requestsAt);
  const more = () => [source, target].map((gateway, side) => requestsAt(gateway) - (before[side] ?? 0));
  await until(`${requests} more requests`, () => sum(more()) >= requests);
  return (100 * (more()[1] ?? 0)) / sum(more());
}

/** The target's per cent of all that these clients sent, each request counted: they are stopped after so many. */
export async function wholeShare({ source, target }: Stage, clients: Clients, requests: number): Promise<number> {
  const sent = () => clients.counters().sinceStart.requests;
  await until(`${requests} requests`, () => sent() >= requests);
  clients.set({ ratePerSecond: 0 });
  const counted = () => [source, target].map(requestsAt);
  await until('all are answered and reported', () => sum(counted()) === sent());
  return (100 * requestsAt(target)) / sent();
}

function requestsAt(gateway: Gateway): number {
  return gateway.counters().sinceStart.requests;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

export function sideIn(body: string): string {
  return (JSON.parse(body) as { side: string }).side;
}

export function serverOf(weight: number): (backend: ClbBackend) => object {
  return (one) => ({ ServerId: one.serverId, ServerIp: one.serverIp, Port: one.port, Type: 'eni', Weight: weight });
}

const nothing = { requests: 0, errors: 0, lost: 0, latencyMs: { mean: 0, p99: 0 } };
const silent = { counters: () => ({ sinceStart: nothing, last10s: nothing, notSent: 0 }) };
