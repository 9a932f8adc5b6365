import {
  CoreV1Api,
  DiscoveryV1Api,
  KubeConfig,
  PatchStrategy,
  setHeaderOptions,
  type V1EndpointSlice,
  type V1Node,
  type V1Service,
} from '@kubernetes/client-node';
import type { SandboxClock } from '../clock.ts';
import type { Faults } from '../faults.ts';
import type { Random } from '../random.ts';
import { answersWhenDone } from './answers-when-done.ts';
import type { ControllerVersion } from './backend-set.ts';
import { type ClbApi, type ClbClient, clbApi } from './clb-calls.ts';
import { keyOf, needsClb } from './cloud-annotations.ts';
import { eniIdOf } from './eni.ts';
import { type EventRecorder, eventRecorder } from './event-recorder.ts';
import { type Controller, idle } from './idle.ts';
import { type Mirror, startMirror } from './mirror.ts';
import { reconcile } from './reconcile.ts';
import type { KubeApi, ReconcileContext } from './reconcile-context.ts';
import { isNodeChange, isOfInterest, isSliceChange, serviceChange } from './service-changes.ts';
import { controllerBackoffMs, heldUp, WorkQueue } from './work-queue.ts';

export interface CloudControllerOptions {
  /** YAML of the cluster that the controller serves. */
  readonly kubeconfig: string;
  readonly clusterId: string;
  readonly clb: ClbClient;
  readonly clock: SandboxClock;
  readonly faults: Faults;
  readonly random: Random;
  readonly version: ControllerVersion;
  /** Each reconcile starts 0.3 to 3 times this after it was asked for, in sandbox time. */
  readonly latencyMs: number;
  readonly regionId?: string;
  /** The vendor's slip on nodes that two Services share (reference A6): on unless switched off; ENI never has it. */
  readonly sharedNodeChurn?: boolean;
  readonly log?: (line: string) => void;
}

const workers = 3;
/** As managedFields name the vendor's controller. */
const fieldManager = 'cloud-controller-manager';

/** Runs the cloud controller against one cluster; resolves when its caches are filled. @throws where that fails */
export async function startCloudController(options: CloudControllerOptions): Promise<Controller> {
  const log = options.log ?? (() => undefined);
  const config = new KubeConfig();
  config.loadFromString(options.kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  const recorder = eventRecorder(core, options.clock, log);
  // One a Service, over its reconciles: a write waits only for the lock of the Service's own previous one.
  const clients = new Map<string, ClbApi>();
  const clbFor = (key: string): ClbApi => {
    const known =
      clients.get(key) ?? clbApi(answersWhenDone(options.clb, options.clock), options.regionId ?? 'cn-hangzhou');
    clients.set(key, known);
    return known;
  };
  const caches: { current: Caches | null } = { current: null };
  const queue = new WorkQueue({
    workers,
    clock: options.clock,
    backoffMs: controllerBackoffMs,
    log,
    work: async (key, signal) => {
      if (caches.current === null) return;
      await work(options, { ...contextOf(options, core, recorder, caches.current), clb: clbFor(key) }, key, signal);
    },
  });
  caches.current = await startCaches(options, config, recorder, queue, log);
  const { services, slices, nodes } = caches.current;
  for (const service of services.all()) if (isOfInterest(service)) queue.add(keyOf(service));
  return {
    idle: () => idle([services, slices, nodes], queue, () => recorder.settled()),
    stop: async () => {
      await Promise.all([services.stop(), slices.stop(), nodes.stop(), queue.stop()]);
      await recorder.settled();
    },
  };
}

interface Caches {
  readonly services: Mirror<V1Service>;
  readonly slices: Mirror<V1EndpointSlice>;
  readonly nodes: Mirror<V1Node>;
}

async function startCaches(
  options: CloudControllerOptions,
  config: KubeConfig,
  recorder: EventRecorder,
  queue: WorkQueue,
  log: (line: string) => void,
): Promise<Caches> {
  const core = config.makeApiClient(CoreV1Api);
  const discovery = config.makeApiClient(DiscoveryV1Api);
  const common = { config, clock: options.clock, log };
  // A dropped event reaches the cache and not the queue: the controller "did not notice".
  const enqueue = (key: string): void => {
    if (options.faults.strike('controller', ['drop']) === null) queue.add(key);
  };
  const services = await startMirror<V1Service>({
    ...common,
    path: '/api/v1/services',
    list: () => core.listServiceForAllNamespaces(),
    onChange: (old, now) => {
      if (now === null) return;
      if (old === null) return isOfInterest(now) ? enqueue(keyOf(now)) : undefined;
      const change = serviceChange(old, now);
      if (change?.event) recorder.record(now, change.event);
      if (change !== null) enqueue(keyOf(now));
    },
  });
  const isClb = (key: string): boolean => {
    const service = services.get(key);
    return service !== null && needsClb(service);
  };
  const slices = await startMirror<V1EndpointSlice>({
    ...common,
    path: '/apis/discovery.k8s.io/v1/endpointslices',
    list: () => discovery.listEndpointSliceForAllNamespaces(),
    onChange: (old, now) => {
      const key = serviceKeyOf(now ?? old);
      if (key === null || !isClb(key)) return;
      if (old === null || now === null || isSliceChange(old, now)) enqueue(key);
    },
  });
  const nodes = await startMirror<V1Node>({
    ...common,
    path: '/api/v1/nodes',
    list: () => core.listNode(),
    onChange: (old, now) => {
      if (old !== null && now !== null && !isNodeChange(old, now)) return;
      for (const service of services.all()) if (needsClb(service)) enqueue(keyOf(service));
    },
  });
  return { services, slices, nodes };
}

function serviceKeyOf(slice: V1EndpointSlice | null): string | null {
  const name = slice?.metadata?.labels?.['kubernetes.io/service-name'];
  return name === undefined ? null : `${slice?.metadata?.namespace ?? ''}/${name}`;
}

function contextOf(
  options: CloudControllerOptions,
  core: CoreV1Api,
  recorder: EventRecorder,
  caches: Caches,
): Omit<ReconcileContext, 'clb'> {
  const mergePatch = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
  const named = (key: string): { namespace: string; name: string } => {
    const [namespace = '', name = ''] = key.split('/');
    return { namespace, name };
  };
  const kube: KubeApi = {
    service: (key) => caches.services.get(key),
    slices: (key) => caches.slices.all().filter((slice) => serviceKeyOf(slice) === key),
    nodes: () => caches.nodes.all(),
    patchService: async (key, body) =>
      void (await core.patchNamespacedService({ ...named(key), body, fieldManager }, mergePatch)),
    patchServiceStatus: async (key, body) =>
      void (await core.patchNamespacedServiceStatus({ ...named(key), body, fieldManager }, mergePatch)),
    record: (service, event) => recorder.record(service, event),
  };
  return {
    kube,
    clusterId: options.clusterId,
    version: options.version,
    eniOf: eniIdOf,
    sharedNodeChurn: options.sharedNodeChurn ?? true,
  };
}

/** One run for one Service: the latency, the faults of this place, and the reconcile itself. */
async function work(
  options: CloudControllerOptions,
  context: ReconcileContext,
  key: string,
  signal: AbortSignal,
): Promise<void> {
  const { faults, clock, random } = options;
  await heldUp(faults, 'controller', clock, signal);
  await clock.sleep((0.3 + 2.7 * random.next()) * options.latencyMs, signal);
  if (signal.aborted) return;
  const service = context.kube.service(key);
  const fault = faults.strike('controller', ['error', 'duplicate']);
  if (fault?.kind === 'error' && service !== null) {
    const message = 'Error syncing load balancer []: the controller was told to fail';
    context.kube.record(service, { type: 'Warning', reason: 'SyncLoadBalancerFailed', message });
    throw new Error(message);
  }
  await reconcile(context, key);
  if (fault?.kind === 'duplicate') await reconcile(context, key);
}
