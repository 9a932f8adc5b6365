import { isDeepStrictEqual } from 'node:util';
import {
  ApiException,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  PatchStrategy,
  setHeaderOptions,
  type V1Service,
} from '@kubernetes/client-node';
import type { SandboxClock } from '../clock.ts';
import type { Faults } from '../faults.ts';
import type { Random } from '../random.ts';
import { keyOf } from './cloud-annotations.ts';
import {
  appliedKey,
  type CopyRules,
  type GatewayStatus,
  type IstioGateway,
  newService,
  serviceNameOf,
  servicePatch,
} from './gateway-service.ts';
import { type Controller, idle } from './idle.ts';
import { type Mirror, startMirror } from './mirror.ts';
import { controllerBackoffMs, heldUp, WorkQueue } from './work-queue.ts';

export interface AsmControllerOptions {
  /** YAML of the ASM control plane's API server. */
  readonly kubeconfig: string;
  /** Cluster id -> YAML of that cluster. */
  readonly clusters: Readonly<Record<string, string>>;
  readonly clock: SandboxClock;
  readonly faults: Faults;
  readonly random: Random;
  /** Mean of the time between a change of a gateway and its copy, in sandbox time; a single one is 1..10 units of it. */
  readonly latencyMs: number;
  readonly overrides?: CopyRules['overrides'];
  readonly revertsEdits?: boolean;
  readonly log?: (line: string) => void;
}

const group = { group: 'istio.alibabacloud.com', version: 'v1beta1', plural: 'istiogateways' };
const fieldManager = 'asm-controller';
const mergePatch = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
/** Queue keys: the gateway is copied, or only its status is brought up to date. */
const copyKey = 'copy:';
const statusKey = 'status:';

interface Context {
  readonly options: AsmControllerOptions;
  readonly custom: CustomObjectsApi;
  readonly gateways: Mirror<IstioGateway>;
  readonly clusters: ReadonlyMap<string, { readonly core: CoreV1Api; readonly services: Mirror<V1Service> }>;
  readonly rules: CopyRules;
}

/** Runs the ASM controller for one mesh; resolves when its caches are filled. @throws where that fails */
export async function startAsmController(options: AsmControllerOptions): Promise<Controller> {
  const log = options.log ?? (() => undefined);
  const context: { current: Context | null } = { current: null };
  const queue = new WorkQueue({
    workers: 1,
    clock: options.clock,
    backoffMs: controllerBackoffMs,
    log,
    work: async (key, signal) => {
      if (context.current !== null) await work(context.current, key, signal);
    },
  });
  const config = configOf(options.kubeconfig);
  const custom = config.makeApiClient(CustomObjectsApi);
  const gateways = await startMirror<IstioGateway>({
    config,
    clock: options.clock,
    log,
    path: `/apis/${group.group}/${group.version}/${group.plural}`,
    list: async () =>
      (await custom.listCustomObjectForAllNamespaces(group)) as {
        items: IstioGateway[];
        metadata: { resourceVersion: string };
      },
    onChange: (old, now) => {
      if (old !== null && now !== null && !isGatewayChange(old, now)) return;
      if (options.faults.strike('mesh', ['drop']) === null) queue.add(copyKey + keyOf(now ?? old ?? {}));
    },
  });
  const clusters = new Map<string, { core: CoreV1Api; services: Mirror<V1Service> }>();
  for (const [id, kubeconfig] of Object.entries(options.clusters))
    clusters.set(id, await startCluster(options, kubeconfig, queue, log));
  const rules = { overrides: options.overrides ?? 'replace', revertsEdits: options.revertsEdits ?? true };
  context.current = { options, custom, gateways, clusters, rules };
  for (const gateway of gateways.all()) queue.add(copyKey + keyOf(gateway));
  const mirrors = [gateways, ...[...clusters.values()].map((cluster) => cluster.services)];
  return {
    idle: () => idle(mirrors, queue, async () => undefined),
    stop: async () => {
      await Promise.all([...mirrors.map((mirror) => mirror.stop()), queue.stop()]);
    },
  };
}

/** Watches the Services of one cluster for their addresses: an edit of a Service alone makes no copy (reference C3). */
async function startCluster(
  options: AsmControllerOptions,
  kubeconfig: string,
  queue: WorkQueue,
  log: (line: string) => void,
): Promise<{ core: CoreV1Api; services: Mirror<V1Service> }> {
  const config = configOf(kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  const services = await startMirror<V1Service>({
    config,
    clock: options.clock,
    log,
    path: '/api/v1/services',
    list: () => core.listServiceForAllNamespaces(),
    onChange: (old, now) => {
      const service = now ?? old;
      if (service?.metadata?.annotations?.[appliedKey] === undefined) return;
      if (isDeepStrictEqual(addressOf(old), addressOf(now))) return;
      queue.add(`${statusKey}${service.metadata.namespace}/${service.metadata.name?.replace(/^istio-/, '')}`);
    },
  });
  return { core, services };
}

function configOf(kubeconfig: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  return config;
}

/** Everything but the status, which is the controller's own writing. */
function isGatewayChange(old: IstioGateway, now: IstioGateway): boolean {
  const watched = ({ metadata, spec }: IstioGateway): unknown => [
    spec,
    metadata?.annotations ?? {},
    metadata?.labels ?? {},
    metadata?.deletionTimestamp,
    metadata?.uid,
  ];
  return !isDeepStrictEqual(watched(old), watched(now));
}

async function work(context: Context, key: string, signal: AbortSignal): Promise<void> {
  const { clock, faults, random, latencyMs } = context.options;
  if (key.startsWith(statusKey)) return refreshStatus(context, key.slice(statusKey.length));
  const gatewayKey = key.slice(copyKey.length);
  await heldUp(faults, 'mesh', clock, signal);
  // Uniform over 1..10 units, so that the mean is latencyMs.
  await clock.sleep(((1 + 9 * random.next()) / 5.5) * latencyMs, signal);
  if (signal.aborted) return;
  const fault = faults.strike('mesh', ['error', 'duplicate']);
  if (fault?.kind === 'error') {
    await writeStatus(context, gatewayKey, 'Failed', 'the controller was told to fail');
    throw new Error('the controller was told to fail');
  }
  await copy(context, gatewayKey);
  if (fault?.kind === 'duplicate') await copy(context, gatewayKey);
}

/** Brings the Service of the gateway into every cluster of clusterIds, and out of every other. */
async function copy(context: Context, key: string): Promise<void> {
  const gateway = context.gateways.get(key);
  const wanted =
    gateway === null || gateway.metadata?.deletionTimestamp !== undefined ? [] : (gateway.spec?.clusterIds ?? []);
  for (const [clusterId, cluster] of context.clusters) {
    const [namespace = '', gatewayName = ''] = key.split('/');
    const name = serviceNameOf(gatewayName);
    // Read from the cluster and not from the copy: what others wrote a moment ago must stay.
    const service = await orNull(cluster.core.readNamespacedService({ namespace, name }));
    if (gateway === null || !wanted.includes(clusterId)) {
      const isOurs = service?.metadata?.annotations?.[appliedKey] !== undefined;
      if (isOurs) await orNull(cluster.core.deleteNamespacedService({ namespace, name }));
    } else if (service === null) {
      await cluster.core.createNamespacedService({
        namespace,
        fieldManager,
        body: newService(gateway, clusterId, context.rules),
      });
    } else {
      const body = servicePatch(gateway, clusterId, service, context.rules);
      if (body !== null) await cluster.core.patchNamespacedService({ namespace, name, body, fieldManager }, mergePatch);
    }
  }
  if (gateway === null) return;
  const missing = wanted.filter((id) => !context.clusters.has(id));
  if (missing.length === 0) return writeStatus(context, key, 'Ready');
  await writeStatus(context, key, 'Failed', `cluster ${missing.join(', ')} is not in this mesh`);
}

/** Brings the addresses up to date and leaves the judgement of the last copy as it is. */
async function refreshStatus(context: Context, key: string): Promise<void> {
  const before = context.gateways.get(key)?.status;
  // Before the first copy there is nothing to tell.
  if (before?.Status !== undefined)
    await writeStatus(context, key, before.Status === 'Ready' ? 'Ready' : 'Failed', before.ErrorMessage);
}

async function writeStatus(context: Context, key: string, status: 'Ready' | 'Failed', error?: string): Promise<void> {
  const gateway = context.gateways.get(key);
  if (gateway === null) return;
  const [namespace = '', name = ''] = key.split('/');
  const serviceKey = `${namespace}/${serviceNameOf(name)}`;
  const addresses = (gateway.spec?.clusterIds ?? []).flatMap((clusterId) =>
    addressOf(context.clusters.get(clusterId)?.services.get(serviceKey) ?? null).map((ipAddress) => ({
      clusterId,
      ipAddress,
    })),
  );
  const wanted: GatewayStatus = {
    Status: status,
    GatewayAddress: addresses.map((one) => one.ipAddress),
    ClusterIdGatewayAddressMap: addresses,
    ...(error === undefined ? {} : { ErrorMessage: error }),
  };
  if (isDeepStrictEqual(gateway.status, wanted)) return;
  const body = { status: { ...wanted, ErrorMessage: error ?? null } };
  await orNull(
    context.custom.patchNamespacedCustomObjectStatus({ ...group, namespace, name, body, fieldManager }, mergePatch),
  );
}

function addressOf(service: V1Service | null): readonly string[] {
  return (service?.status?.loadBalancer?.ingress ?? []).map((one) => one.ip ?? one.hostname ?? '');
}

/** Null for what is not there (any more). */
async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (cause) {
    if (cause instanceof ApiException && cause.code === 404) return null;
    throw cause;
  }
}
