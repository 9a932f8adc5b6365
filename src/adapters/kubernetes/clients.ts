import type * as Kubernetes from '@kubernetes/client-node';
import type { CoreV1Api, CustomObjectsApi, DiscoveryV1Api } from '@kubernetes/client-node';
import type { BackendMode } from '../../domain/backend-weights.ts';
import type { Clock } from '../../ports/clock.ts';
import { TerminalError } from '../../ports/errors.ts';
import { isLoopback } from '../addresses.ts';
import { type Attempt, statusOf, translated } from './attempt.ts';
import { type KubeconfigOptions, type KubeconfigRef, kubeconfigSource } from './kubeconfig.ts';
import { type Transport, transport } from './transport.ts';

export interface ClusterConfig {
  /** The cluster's id at Alibaba Cloud: what marks its backends and what an IstioGateway's `clusterIds` name. */
  readonly id: string;
  readonly kubeconfig: KubeconfigRef;
  /** What the cluster does for a Service without a backend-type annotation; Terway clusters since 2020 say `eni`. */
  readonly defaultBackendType?: 'eni' | 'ecs';
}

export interface MeshConfig {
  readonly kubeconfig: KubeconfigRef;
}

export interface KubernetesOptions extends KubeconfigOptions {
  readonly clusters: Readonly<Record<string, ClusterConfig>>;
  readonly meshes: Readonly<Record<string, MeshConfig>>;
  readonly clock: Clock;
  /** For one attempt of one request, wall time; 10,000 unless told. */
  readonly timeoutMs?: number;
}

/** The generated client's objects for one API server. */
export interface KubernetesApi {
  readonly core: CoreV1Api;
  readonly discovery: DiscoveryV1Api;
  readonly custom: CustomObjectsApi;
  /** Options of a PATCH with merge semantics (RFC 7386). */
  readonly mergePatch: Parameters<CoreV1Api['patchNamespacedService']>[1];
}

/** One API server. Every method throws TransientError, TerminalError or ConflictError. */
export interface KubernetesClient {
  ask<T>(attempt: Attempt, call: (api: KubernetesApi) => Promise<T>): Promise<T>;
  /** Null where the object is not there (404). */
  find<T>(attempt: Attempt, call: (api: KubernetesApi) => Promise<T>): Promise<T | null>;
}

export interface Cluster extends KubernetesClient {
  readonly name: string;
  readonly id: string;
  readonly defaultMode: Extract<BackendMode, 'eni'> | 'ecs';
}

export interface KubernetesClients {
  /** @throws TerminalError where the name is not configured */
  cluster(name: string): Cluster;
  /** @throws TerminalError where no configured cluster has the id */
  clusterById(id: string): Cluster;
  readonly clusters: readonly Cluster[];
  /** @throws TerminalError where the name is not configured */
  mesh(name: string): KubernetesClient;
  /** Ends the connections that are kept for the next read. */
  close(): void;
}

const timeoutMsDefault = 10_000;

/** Clients are made at their first use, and made anew when an API server no longer takes their credentials. */
export function kubernetesClients(options: KubernetesOptions): KubernetesClients {
  const source = kubeconfigSource(options);
  const connections: Connection[] = [];
  const connect = (where: string, ref: KubeconfigRef): KubernetesClient => {
    const connection = new Connection(where, (refused) => source.load(ref, refused), options);
    connections.push(connection);
    return connection.client;
  };
  const clusters = Object.entries(options.clusters).map(
    ([name, { id, kubeconfig, defaultBackendType }]): Cluster => ({
      name,
      id,
      defaultMode: defaultBackendType ?? 'eni',
      ...connect(`cluster ${name}`, kubeconfig),
    }),
  );
  const meshes = new Map(
    Object.entries(options.meshes).map(([name, { kubeconfig }]) => [name, connect(`mesh ${name}`, kubeconfig)]),
  );
  return {
    clusters,
    cluster: (name) =>
      clusters.find((one) => one.name === name) ??
      missing(`cluster ${name} is not in the installation's configuration`),
    clusterById: (id) =>
      clusters.find((one) => one.id === id) ??
      missing(`no cluster with id ${id} is in the installation's configuration`),
    mesh: (name) => meshes.get(name) ?? missing(`mesh ${name} is not in the installation's configuration`),
    close: () => {
      for (const connection of connections) connection.close();
    },
  };
}

function missing(message: string): never {
  throw new TerminalError(message);
}

interface Opened {
  readonly yaml: string;
  readonly api: KubernetesApi;
  readonly wire: Transport;
}

type Load = (refused: string | null) => Promise<string>;

/** The client of one API server with the kubeconfig it was made from. */
class Connection {
  readonly client: KubernetesClient;
  readonly #where: string;
  readonly #load: Load;
  readonly #options: KubernetesOptions;
  #opened: Opened | null = null;

  constructor(where: string, load: Load, options: KubernetesOptions) {
    this.#where = where;
    this.#load = load;
    this.#options = options;
    this.client = {
      ask: (attempt, call) => this.#ask(attempt, call),
      find: (attempt, call) => this.#find(attempt, call),
    };
  }

  close(): void {
    this.#opened?.wire.close();
    this.#opened = null;
  }

  async #ask<T>(attempt: Attempt, call: (api: KubernetesApi) => Promise<T>): Promise<T> {
    try {
      return await this.#authorized(call);
    } catch (error) {
      throw translated(error, this.#where, attempt);
    }
  }

  async #find<T>(attempt: Attempt, call: (api: KubernetesApi) => Promise<T>): Promise<T | null> {
    try {
      return await this.#authorized(call);
    } catch (error) {
      if (statusOf(error) === 404) return null;
      throw translated(error, this.#where, attempt);
    }
  }

  /** A kubeconfig may run out between two calls: fetched again once, and what is then refused is refused. */
  async #authorized<T>(call: (api: KubernetesApi) => Promise<T>): Promise<T> {
    const opened = await this.#open(null);
    try {
      return await call(opened.api);
    } catch (error) {
      if (statusOf(error) !== 401) throw error;
      return call((await this.#open(opened.yaml)).api);
    }
  }

  async #open(refused: string | null): Promise<Opened> {
    const yaml = await this.#load(refused);
    if (this.#opened?.yaml === yaml) return this.#opened;
    // Loading the client costs a quarter of a second or more: only a function that looks at a cluster pays it.
    const kubernetes = await import('@kubernetes/client-node');
    // Several requests may have waited for the two lines above: the first makes it for all.
    if (this.#opened?.yaml === yaml) return this.#opened;
    this.#opened?.wire.close();
    this.#opened = make(kubernetes, yaml, this.#options);
    return this.#opened;
  }
}

/** @throws TerminalError where what is sent could be read, or answered, by somebody else */
function verifiedServer(cluster: Kubernetes.Cluster | null): string {
  if (cluster === null) throw new TerminalError('the kubeconfig names no cluster in its current context');
  const { server, skipTLSVerify } = cluster;
  if (!URL.canParse(server)) throw new TerminalError('the server of the kubeconfig is no URL');
  const { protocol, hostname } = new URL(server);
  if (protocol === 'https:' && !skipTLSVerify) return server;
  // `kubectl proxy` speaks plain HTTP on loopback.
  if (protocol === 'http:' && (hostname === 'localhost' || isLoopback(hostname))) return server;
  const why = protocol === 'https:' ? 'it has insecure-skip-tls-verify' : 'its server must begin with https://';
  throw new TerminalError(`the kubeconfig is refused: ${why}`);
}

function make(kubernetes: typeof Kubernetes, yaml: string, { clock, timeoutMs }: KubernetesOptions): Opened {
  const config = new kubernetes.KubeConfig();
  try {
    config.loadFromString(yaml);
  } catch {
    // The parser's message quotes the kubeconfig around the mistake (rule 11).
    throw new TerminalError('the kubeconfig is not one');
  }
  const server = verifiedServer(config.getCurrentCluster());
  const wire = transport({ clock, timeoutMs: timeoutMs ?? timeoutMsDefault }, ({ status, headers, body }) => {
    const text = body.toString('utf8');
    return new kubernetes.ResponseContext(status, headers, {
      text: () => Promise.resolve(text),
      binary: () => Promise.resolve(body),
    });
  });
  const configuration = kubernetes.createConfiguration({
    baseServer: new kubernetes.ServerConfiguration(server, {}),
    authMethods: { default: config },
    httpApi: kubernetes.wrapHttpLibrary(wire),
  });
  const api: KubernetesApi = {
    core: new kubernetes.CoreV1Api(configuration),
    discovery: new kubernetes.DiscoveryV1Api(configuration),
    custom: new kubernetes.CustomObjectsApi(configuration),
    mergePatch: kubernetes.setHeaderOptions('Content-Type', kubernetes.PatchStrategy.MergePatch),
  };
  return { yaml, api, wire };
}
