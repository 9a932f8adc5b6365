import { Agent } from 'node:http';
import { generate } from 'selfsigned';
import type { ClbBackend } from '../clb/load-balancer.ts';
import type { ClbModel } from '../clb/model.ts';
import type { SandboxClock } from '../clock.ts';
import { Doors, type Entries } from './doors.ts';
import { startHealthChecks } from './health-checks.ts';

export interface LoadBalancerOptions {
  readonly model: ClbModel;
  readonly clock: SandboxClock;
  /** Where a backend is reached: the address of an interface, or of the node behind a server id; null: nowhere. */
  readonly addressOf: (backend: ClbBackend) => string | null;
  /** Load balancer -> listener port -> port on loopback; free ones where absent. */
  readonly ports?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** What is open between one listener and one backend: connections at TCP listeners, requests under way at HTTP ones. */
export interface BackendConnections {
  readonly loadBalancer: string;
  readonly listener: number;
  /** Of the backend; null where it is reached nowhere. */
  readonly address: string | null;
  readonly port: number;
  readonly open: number;
}

export interface DataPlane {
  /** Follows the listeners of the model. A TCP listener's URL is `tcp://host:port`. */
  readonly entries: Entries;
  /** Backends that are gone from their group, or have weight 0, are listed for as long as something is open there. */
  connections(): readonly BackendConnections[];
  /**
   * A round of health checks now, after which a backend that was just added is served, and a door for every listener.
   *
   * @throws Error where a door could not be opened
   */
  check(): Promise<void>;
  stop(): Promise<void>;
}

/** Idle connections to a backend are given up well before the gateway would close them; of the clock's time. */
const idleMs = 30_000;
const socketsMax = 256;

/**
 * The data plane of the model's HTTP, HTTPS and TCP listeners: a front door each, and the health checks. What is changed
 * in the model later (weights, health, schedulers, listeners, groups) holds for the next request or connection.
 */
export async function startLoadBalancer(options: LoadBalancerOptions): Promise<DataPlane> {
  const { model, clock, addressOf, ports = {} } = options;
  const agents = agentsOf(clock);
  const doors = new Doors({ model, clock, addressOf, ports, agentOf: agents.of, certificate: await selfSigned() });
  const checks = startHealthChecks(options);
  const stop = async (): Promise<void> => {
    await checks.stop();
    await doors.stop();
    agents.stop();
  };
  const check = async (): Promise<void> => {
    await checks.round();
    await doors.settled();
  };
  try {
    await check();
  } catch (error) {
    await stop();
    throw error;
  }
  const connections = (): readonly BackendConnections[] =>
    model.connections().map(({ listener, backend, open }) => ({
      loadBalancer: listener.loadBalancerId,
      listener: listener.port,
      address: addressOf(backend),
      port: backend.port,
      open,
    }));
  return { entries: doors.entries, connections, check, stop };
}

/** One agent a load balancer, made when it is first asked for. */
function agentsOf({ speed }: SandboxClock): { readonly of: (loadBalancer: string) => Agent; stop(): void } {
  const agents = new Map<string, Agent>();
  const settings = { keepAlive: true, maxSockets: socketsMax, maxFreeSockets: socketsMax };
  return {
    of: (loadBalancer) => {
      const agent = agents.get(loadBalancer) ?? new Agent({ ...settings, timeout: idleMs / Math.max(1, speed) });
      agents.set(loadBalancer, agent);
      return agent;
    },
    stop: () => {
      for (const agent of agents.values()) agent.destroy();
    },
  };
}

let made: Promise<{ key: string; cert: string }> | null = null;

/** One certificate per process: making a key costs CPU, and nobody here verifies it. */
function selfSigned(): Promise<{ key: string; cert: string }> {
  made ??= generate([{ name: 'commonName', value: 'shop.example.com' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'shop.example.com' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  }).then(({ private: key, cert }) => ({ key, cert }));
  return made;
}
