import { isDeepStrictEqual } from 'node:util';
import { CustomObjectsApi, KubeConfig, type KubernetesObject } from '@kubernetes/client-node';
import type { SandboxClock } from '../clock.ts';
import { type Mirror, startMirror } from '../controllers/mirror.ts';
import { heldUp } from '../controllers/work-queue.ts';
import type { CalledHost } from '../data-plane/gateway-messages.ts';
import type { Faults } from '../faults.ts';
import { calledHosts, hostKey } from './called-hosts.ts';
import { type ClusterEndpoints, followEndpoints } from './cluster-endpoints.ts';
import { routingOf } from './host-routing.ts';
import type { IstioObject } from './istio-objects.ts';
import { Propagation } from './propagation.ts';
import type { HostRouting } from './subset-routing.ts';

export interface MeshOptions {
  /** YAML of the ASM API server, and of every ACK cluster whose endpoints the mesh knows. */
  readonly kubeconfig: string;
  readonly clusters: readonly string[];
  readonly clock: SandboxClock;
  readonly faults: Faults;
  /** From a write to its effect, in sandbox time; a `stall` or `delay` of the mesh comes on top. */
  readonly latencyMs: number;
  /** Brings routes to the programs that make calls. */
  readonly push: (hosts: readonly CalledHost[]) => Promise<void>;
  readonly log: (line: string) => void;
}

export interface SubsetSetting {
  readonly errorRate: number;
}

/** The mesh's control plane: what its objects and endpoints say becomes what callers do. */
export interface Mesh {
  /** Host, as `default/reviews`, -> every subset that it has now or that was set. */
  subsets(): Readonly<Record<string, Readonly<Record<string, SubsetSetting>>>>;
  /** False where that host has no such subset. */
  setSubset(host: string, subset: string, change: Partial<SubsetSetting>): Promise<boolean>;
  stop(): Promise<void>;
}

type Routings = readonly HostRouting[];
type Istio = IstioObject & KubernetesObject;

/** Resolves when callers know the routes as they are now. @throws where an API server cannot be reached */
export async function startMesh(options: MeshOptions): Promise<Mesh> {
  const following: { current: Routes | null } = { current: null };
  const onChange = (): void => following.current?.changed();
  const started: { stop(): Promise<void> }[] = [];
  const stop = async (): Promise<void> => void (await Promise.all(started.map((one) => one.stop())));
  const add = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const one = await starting;
    started.push(one);
    return one;
  };
  try {
    const virtualServices = await add(followIstio(options, 'virtualservices', onChange));
    const destinationRules = await add(followIstio(options, 'destinationrules', onChange));
    const endpoints: ClusterEndpoints[] = [];
    for (const cluster of options.clusters)
      endpoints.push(await add(followEndpoints({ ...options, config: configOf(cluster), onChange })));
    const routes = new Routes(options, () =>
      calledHosts.map((host) =>
        routingOf(host, {
          virtualServices: virtualServices.all(),
          destinationRules: destinationRules.all(),
          endpoints: endpoints.flatMap((one) => one.ready(host)),
        }),
      ),
    );
    following.current = routes;
    started.push(routes);
    await routes.push();
    return { subsets: () => routes.subsets(), setSubset: (...change) => routes.setSubset(...change), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** From the state of the mesh to its callers, with the time that takes. */
class Routes {
  readonly #options: MeshOptions;
  readonly #read: () => Routings;
  readonly #routings: Propagation<Routings>;
  readonly #stopping = new AbortController();
  readonly #errorRates = new Map<string, Record<string, number>>();
  #current: Routings;
  #pushing: Promise<void> | null = null;

  constructor(options: MeshOptions, read: () => Routings) {
    this.#options = options;
    this.#read = read;
    this.#current = read();
    this.#routings = new Propagation(this.#current, options.latencyMs);
  }

  changed(): void {
    const now = this.#read();
    if (isDeepStrictEqual(now, this.#routings.written)) return;
    this.#routings.write(now, this.#options.clock.now());
    this.#pushing ??= this.#pushAll();
  }

  subsets(): ReturnType<Mesh['subsets']> {
    return Object.fromEntries(
      this.#hosts().map(({ host, routing, errorRates }) => {
        const names = new Set([...routing.subsets, ...Object.keys(errorRates)]);
        return [host, Object.fromEntries([...names].map((name) => [name, { errorRate: errorRates[name] ?? 0 }]))];
      }),
    );
  }

  async setSubset(host: string, subset: string, { errorRate }: Partial<SubsetSetting>): Promise<boolean> {
    if (this.subsets()[host]?.[subset] === undefined) return false;
    if (errorRate === undefined) return true;
    this.#errorRates.set(host, { ...this.#errorRates.get(host), [subset]: errorRate });
    await this.push();
    return true;
  }

  async push(): Promise<void> {
    await this.#options.push(this.#hosts());
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#pushing;
  }

  #hosts(): readonly CalledHost[] {
    return calledHosts.flatMap((called, at): readonly CalledHost[] => {
      const { page, path } = called;
      const [host, routing] = [hostKey(called), this.#current[at]];
      return routing ? [{ host, page, path, routing, errorRates: this.#errorRates.get(host) ?? {} }] : [];
    });
  }

  /** One push for each value that takes effect, until none is on its way. */
  async #pushAll(): Promise<void> {
    const { clock, faults, log } = this.#options;
    const { signal } = this.#stopping;
    for (let at = this.#routings.nextAtMs(); at !== null && !signal.aborted; at = this.#routings.nextAtMs()) {
      await clock.sleep(at - clock.now(), signal);
      await heldUp(faults, 'mesh', clock, signal);
      if (signal.aborted) break;
      this.#current = this.#routings.inForce(clock.now());
      await this.push().catch((error: unknown) => log(error instanceof Error ? error.message : String(error)));
    }
    this.#pushing = null;
  }
}

/** Istio's objects of the mesh. v1beta1: every version of ASM serves it. */
function followIstio(options: MeshOptions, plural: string, onChange: () => void): Promise<Mirror<Istio>> {
  const { clock, log } = options;
  const config = configOf(options.kubeconfig);
  const custom = config.makeApiClient(CustomObjectsApi);
  const kind = { group: 'networking.istio.io', version: 'v1beta1', plural };
  return startMirror<Istio>({
    ...{ config, clock, log, onChange },
    path: `/apis/${kind.group}/${kind.version}/${plural}`,
    list: async () =>
      (await custom.listCustomObjectForAllNamespaces(kind)) as {
        items: Istio[];
        metadata: { resourceVersion: string };
      },
  });
}

function configOf(kubeconfig: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  return config;
}
