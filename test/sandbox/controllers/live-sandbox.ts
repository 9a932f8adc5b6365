import {
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  PatchStrategy,
  setHeaderOptions,
  type V1Service,
} from '@kubernetes/client-node';
import type { BackendMode } from '../../../src/domain/backend-weights.ts';
import { takeAddresses } from '../../../src/sandbox/addresses.ts';
import { clbClient } from '../../../src/sandbox/clb/client.ts';
import type { ClbBackend } from '../../../src/sandbox/clb/load-balancer.ts';
import { ClbModel } from '../../../src/sandbox/clb/model.ts';
import { sandboxClock } from '../../../src/sandbox/clock.ts';
import { startAsmController } from '../../../src/sandbox/controllers/asm-controller.ts';
import type { ControllerVersion } from '../../../src/sandbox/controllers/backend-set.ts';
import { startCloudController } from '../../../src/sandbox/controllers/cloud-controller.ts';
import { Faults } from '../../../src/sandbox/faults.ts';
import { ackResources, asmResources, startApiServer } from '../../../src/sandbox/kubernetes/server.ts';
import { seededRandom } from '../../../src/sandbox/random.ts';
import { type Seeded, seed } from '../../../src/sandbox/seeding.ts';

const clusterId = 'c-live';
const namespace = 'istio-system';
const prefix = 'service.beta.kubernetes.io/alibaba-cloud-loadbalancer-';
const mergePatch = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
const gatewayObject = {
  group: 'istio.alibabacloud.com',
  version: 'v1beta1',
  plural: 'istiogateways',
  namespace,
  name: 'ingressgateway-asm',
};

export interface LiveOptions {
  readonly mode?: BackendMode;
  readonly version?: ControllerVersion;
  readonly source?: number;
  readonly target?: number;
  readonly revertsEdits?: boolean;
}

export type Live = Awaited<ReturnType<typeof startLive>>;

/** Both API servers, the load balancer's model and both controllers, 200 times faster than the real ones. */
export async function startLive(options: LiveOptions = {}) {
  const clock = sandboxClock(200);
  const faults = new Faults(seededRandom(1), () => clock.now());
  const random = seededRandom(7);
  const mode = options.mode ?? 'eni';
  const counts = { source: options.source ?? 3, target: options.target ?? 3 };
  const addresses = await takeAddresses({ random: seededRandom(3), mode, backends: counts });
  const ack = await startApiServer({ name: 'ack', place: 'ack', serves: ackResources, clock, faults });
  const asm = await startApiServer({ name: 'asm', place: 'asm', serves: asmResources, clock, faults });
  const clb = new ClbModel({ random });
  const seeded: Seeded = await seed({
    ack: ack.kubeconfig,
    asm: asm.kubeconfig,
    clb,
    clusterId,
    mode,
    sourceBackends: counts.source,
    targetBackends: counts.target,
    addresses,
    now: () => clock.now(),
  });
  const log: string[] = [];
  const common = { clock, faults, random, latencyMs: 1_000, log: (line: string) => void log.push(line) };
  const mesh = await startAsmController({
    ...common,
    kubeconfig: asm.kubeconfig,
    clusters: { [clusterId]: ack.kubeconfig },
    ...(options.revertsEdits === undefined ? {} : { revertsEdits: options.revertsEdits }),
  });
  const cloud = await startCloudController({
    ...common,
    kubeconfig: ack.kubeconfig,
    clusterId,
    clb: clbClient({ model: clb, clock, faults }),
    version: options.version ?? '2.14',
  });
  const config = new KubeConfig();
  config.loadFromString(ack.kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  const meshConfig = new KubeConfig();
  meshConfig.loadFromString(asm.kubeconfig);
  const custom = meshConfig.makeApiClient(CustomObjectsApi);
  const backends = (group = 'rsp-pub-80'): readonly ClbBackend[] =>
    clb.loadBalancers(clock.now()).flatMap((one) => one.groups.find((found) => found.id === group)?.backends ?? []);
  return {
    clock,
    faults,
    addresses,
    seeded,
    clb,
    ack,
    asm,
    core,
    log,
    backends,
    /** The weights in a group of one Service's backends. */
    weights: (service: string, group?: string) =>
      backends(group)
        .filter((one) => one.description.split('/')[2] === service)
        .map((one) => one.weight),
    service: (name: string): Promise<V1Service> => core.readNamespacedService({ namespace, name }),
    annotate: (name: string, suffix: string, value: string | null) =>
      core.patchNamespacedService(
        { namespace, name, body: { metadata: { annotations: { [prefix + suffix]: value } } } },
        mergePatch,
      ),
    gateway: () => custom.getNamespacedCustomObject(gatewayObject) as Promise<{ status?: object }>,
    patchGateway: (body: object) => custom.patchNamespacedCustomObject({ ...gatewayObject, body }, mergePatch),
    setTargetWeight: (weight: string | null) =>
      custom.patchNamespacedCustomObject(
        { ...gatewayObject, body: { spec: { serviceAnnotations: { [`${prefix}weight`]: weight } } } },
        mergePatch,
      ),
    events: async (reason: string) =>
      (await core.listNamespacedEvent({ namespace })).items.filter((event) => event.reason === reason),
    /** The mesh's copies first: they are what the cloud controller then has to do. */
    idle: async () => {
      await mesh.idle();
      await cloud.idle();
      await mesh.idle();
    },
    stop: async () => {
      await Promise.all([mesh.stop(), cloud.stop()]);
      await Promise.all([ack.stop(), asm.stop(), addresses.release()]);
    },
  };
}
