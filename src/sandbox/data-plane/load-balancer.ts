import { Agent } from 'node:http';
import { generate } from 'selfsigned';
import type { ClbBackend, Listener, LoadBalancer } from '../clb/load-balancer.ts';
import type { ClbModel } from '../clb/model.ts';
import type { SandboxClock } from '../clock.ts';
import { type FrontDoor, openFrontDoor } from './front-door.ts';
import { startHealthChecks } from './health-checks.ts';

export interface LoadBalancerOptions {
  readonly model: ClbModel;
  readonly clock: SandboxClock;
  /** Where a backend is reached: the address of an interface, or of the node behind a server id; null: nowhere. */
  readonly addressOf: (backend: ClbBackend) => string | null;
  /** Load balancer -> listener port -> port on loopback; free ones where absent. */
  readonly ports?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export interface DataPlane {
  /** Load balancer -> listener port -> URL without a slash at the end. */
  readonly entries: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** A round of health checks now: after it, a backend that was just added is served. */
  check(): Promise<void>;
  stop(): Promise<void>;
}

type HttpListener = Listener & { readonly protocol: 'http' | 'https' };

/** Idle connections to a backend are given up well before the gateway would close them. */
const idleMs = 30_000;
const socketsMax = 256;

/**
 * The data plane of every HTTP and HTTPS listener that the model has now: a front door each, and the health checks.
 * What is changed in the model later (weights, health, a stopped listener, another group) holds for the next request.
 */
export async function startLoadBalancer(options: LoadBalancerOptions): Promise<DataPlane> {
  const agent = new Agent({ keepAlive: true, maxSockets: socketsMax, maxFreeSockets: socketsMax, timeout: idleMs });
  const doors: { readonly loadBalancer: string; readonly port: number; readonly door: FrontDoor }[] = [];
  const checks = startHealthChecks(options);
  const stop = async (): Promise<void> => {
    await checks.stop();
    await Promise.all(doors.map(({ door }) => door.stop()));
    agent.destroy();
  };
  try {
    const certificate = await selfSigned();
    for (const { loadBalancer, listener } of httpListeners(options.model, options.clock.now())) {
      const door = await doorOf(options, agent, certificate, loadBalancer, listener);
      doors.push({ loadBalancer: loadBalancer.id, port: listener.port, door });
    }
    await checks.round();
  } catch (error) {
    await stop();
    throw error;
  }
  const entries: Record<string, Record<string, string>> = {};
  for (const { loadBalancer, port, door } of doors) {
    entries[loadBalancer] = { ...entries[loadBalancer], [port]: door.url };
  }
  return { entries, check: () => checks.round(), stop };
}

function httpListeners(
  model: ClbModel,
  now: number,
): readonly { loadBalancer: LoadBalancer; listener: HttpListener }[] {
  return model
    .loadBalancers(now)
    .flatMap((loadBalancer) => loadBalancer.listeners.filter(isHttp).map((listener) => ({ loadBalancer, listener })));
}

function isHttp(listener: Listener): listener is HttpListener {
  return listener.protocol === 'http' || listener.protocol === 'https';
}

function doorOf(
  { model, clock, addressOf, ports }: LoadBalancerOptions,
  agent: Agent,
  certificate: { readonly key: string; readonly cert: string },
  loadBalancer: LoadBalancer,
  listener: HttpListener,
): Promise<FrontDoor> {
  const ref = { loadBalancerId: loadBalancer.id, port: listener.port };
  const now = (): Listener | null => model.listener(ref, clock.now());
  return openFrontDoor({
    protocol: listener.protocol,
    port: ports?.[loadBalancer.id]?.[listener.port] ?? 0,
    certificate: listener.protocol === 'https' ? certificate : null,
    agent,
    isRunning: () => now()?.status === 'running',
    pick: (refused) => model.pick(ref, clock.now(), refused),
    addressOf,
    answerWithinMs: () => (1000 * (now()?.requestTimeoutS ?? 60)) / Math.max(1, clock.speed),
  });
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
