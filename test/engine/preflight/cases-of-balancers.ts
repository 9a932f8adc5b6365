import type { RouteObservation } from '../../../src/domain/observation.ts';
import { aStep, aSubsetRoute } from '../../fixtures/builders.ts';
import { type Scene, withCarrier, withClb, withListener, withService, withSide } from '../../fixtures/scene.ts';
import { anAutoscaler } from '../../fixtures/surroundings.ts';
import type { Row } from './case.ts';

/** What is wrong with weights, backends, capacity, listeners and load balancers. */

const setListener = (fields: string) =>
  new RegExp(
    `^aliyun slb SetLoadBalancerHTTPListenerAttribute --LoadBalancerId lb-public --ListenerPort 80 ${fields}$`,
  );
const denied = { missing: 'cluster ack: list horizontalpodautoscalers istio-system: forbidden (403)' };
const tcp = { protocol: 'tcp', establishedTimeoutMs: 10_000, drainsConnections: true } as const;

/** Puts other backends into the groups of the observation. */
function withBackends(scene: Scene, change: (group: RouteObservation['groups'][number]) => object): void {
  const groups = scene.observation.groups.map((group) => ({ ...group, ...change(group) }));
  scene.observation = { ...scene.observation, groups };
}

const backends: readonly Row[] = [
  [
    'mesh-answers',
    'fail',
    'the mesh is silent',
    (scene) => withCarrier(scene, 'target', null),
    /does not answer/,
    null,
  ],
  [
    'target-weight',
    'fail',
    'the target has weight',
    (scene) => withCarrier(scene, 'target', { weight: '10' }),
    /must be "0" before the start/,
    /^kubectl -n istio-system patch istiogateway ingressgateway-asm --type merge -p '\{"spec":\{"serviceAnnotations":\{"[^"]+weight":"0"\}\}\}'$/,
  ],
  [
    'target-weight',
    'fail',
    'an override of the target has weight',
    (scene) => withCarrier(scene, 'target', { overrides: { c2: '5' } }),
    /in its overrides too/,
    null,
  ],
  [
    'source-weight',
    'fail',
    'the weight of the source is no integer',
    (scene) => withCarrier(scene, 'source', { weight: '12.5' }),
    /"12.5", which is not an integer 1..100/,
    /^kubectl -n istio-system annotate service istio-ingressgateway \S+-weight=100 --overwrite$/,
  ],
  [
    'source-weight',
    'fail',
    'the source has weight 0, and the load balancer has not followed yet',
    (scene) => withCarrier(scene, 'source', { weight: '0' }),
    /the way back would leave nothing with weight/,
    /^kubectl -n istio-system annotate service istio-ingressgateway \S+-weight=100 --overwrite$/,
  ],
  [
    'source-weight',
    'warn',
    'the source has no weight',
    (scene) => withCarrier(scene, 'source', { weight: null }),
    /no weight annotation/,
    /annotate service istio-ingressgateway/,
  ],
  [
    'source-serves',
    'fail',
    'the CLB finds no backend of the source healthy',
    (scene) =>
      withBackends(scene, ({ backends: all }) => ({ backends: all.map((one) => ({ ...one, health: 'abnormal' })) })),
    /no healthy backend of the source has weight in rsp-pub-80/,
    null,
  ],
  [
    'target-idle',
    'fail',
    'somebody gave the target weight at the CLB',
    (scene) => withBackends(scene, ({ backends: all }) => ({ backends: all.map((one) => ({ ...one, weight: 5 })) })),
    /the target has weight in rsp-pub-80 already/,
    null,
  ],
  [
    'attached',
    'fail',
    'the descriptions of the backends were edited',
    (scene) =>
      withBackends(scene, ({ backends: all }) => ({ backends: all.map((one) => ({ ...one, description: 'mine' })) })),
    /has 0 of the 3 backends of Service/,
    null,
  ],
  [
    'attached',
    'warn',
    'a backend is on its way',
    (scene) => withBackends(scene, ({ backends: all }) => ({ backends: all.slice(0, -1) })),
    /has 2 of the 3 backends of Service ack\/istio-system\/istio-ingressgateway-asm/,
    null,
  ],
  [
    'backend-description',
    'fail',
    'a name is too long and its backends are not known by it',
    (scene) => withLongName(scene, false),
    /characters, more than 80: give the gateway a shorter name/,
    null,
  ],
  [
    'backend-description',
    'warn',
    'a name is too long and the CLB keeps it',
    (scene) => withLongName(scene, true),
    /has kept them until now/,
    null,
  ],
];

function withLongName(scene: Scene, isKept: boolean): void {
  const name = 'istio-ingressgateway-asm-with-quite-a-long-name-of-its-own';
  withService(scene, 'target', { name }, { name });
  const description = isKept ? `k8s/8080/${name}/istio-system/c1` : 'k8s/8080/istio-ingressgateway-asm-with';
  withBackends(scene, ({ backends: all }) => ({
    backends: all.map((one) => (one.description.includes('-asm/') ? { ...one, description } : one)),
  }));
  const clusterId = 'c'.repeat(33);
  withService(scene, 'target', isKept ? {} : { clusterId }, { clusterId: isKept ? 'c1' : clusterId });
}

const capacity: readonly Row[] = [
  ['source-ready', 'fail', 'the source has no pod', (scene) => withSide(scene, 'source', 0), /no ready pod/, null],
  ['target-ready', 'fail', 'the target has no pod', (scene) => withSide(scene, 'target', 0), /no ready pod/, null],
  [
    'source-capacity',
    'warn',
    'an autoscaler may shrink the source',
    (scene) =>
      withService(scene, 'source', {}, { autoscalers: { value: [anAutoscaler('source', { minReplicas: 2 })] } }),
    /may shrink the source to 2 of its 3 ready pods/,
    /^kubectl -n istio-system patch hpa istio-ingressgateway --type merge -p '\{"spec":\{"minReplicas":3\}\}'$/,
  ],
  [
    'source-capacity',
    'fail',
    'nothing holds the source',
    (scene) =>
      withService(scene, 'source', {}, { autoscalers: { value: [anAutoscaler('source', { minReplicas: 1 })] } }),
    /to one of its 3 ready pods.*set minReplicas/,
    /"minReplicas":3/,
  ],
  [
    'source-capacity',
    'unknown',
    'autoscalers may not be listed',
    (scene) => withService(scene, 'source', {}, { autoscalers: denied }),
    /cannot be told: .*list horizontalpodautoscalers/,
    null,
  ],
  [
    'target-capacity',
    'warn',
    'the target cannot grow to the size of the source',
    (scene) => {
      withSide(scene, 'target', 1);
      withService(scene, 'target', {}, { autoscalers: { value: [anAutoscaler('target', { maxReplicas: 2 })] } });
    },
    /the target can have 2 pods, and the source carries the traffic with 3/,
    /patch istiogateway ingressgateway-asm --type merge -p '\{"spec":\{"maxReplicas":3\}\}'/,
  ],
  [
    'target-capacity',
    'unknown',
    'autoscalers may not be listed',
    (scene) => withService(scene, 'target', {}, { autoscalers: denied }),
    /how far Service .* can grow cannot be told/,
    null,
  ],
  [
    'share',
    'fail',
    'the backends are too many for a step',
    (scene) => withSide(scene, 'target', 60),
    /10 per cent cannot be reached with these backends: the nearest is 37.7/,
    null,
  ],
  [
    'share',
    'fail',
    'whole route weights miss a step',
    (scene) => {
      scene.spec = { ...scene.spec, subsets: [aSubsetRoute()], steps: [aStep(0.3)], tolerance: 0.1 };
    },
    /cannot be reached with whole weights/,
    null,
  ],
  [
    'share-when-grown',
    'warn',
    'the autoscalers allow more backends than a step can bear',
    (scene) =>
      withService(scene, 'target', {}, { autoscalers: { value: [anAutoscaler('target', { maxReplicas: 60 })] } }),
    /10 per cent cannot be reached/,
    null,
  ],
  [
    'share-when-grown',
    'unknown',
    'autoscalers may not be listed',
    (scene) => withService(scene, 'source', {}, { autoscalers: denied }),
    /cannot be told/,
    null,
  ],
];

const listeners: readonly Row[] = [
  [
    'listener',
    'fail',
    'the listener leads to another group',
    (scene) => withListener(scene, { group: 'rsp-other' }),
    /no listener uses rsp-pub-80 \(port 80\); listener 80 leads to rsp-other/,
    null,
  ],
  [
    'listener',
    'fail',
    'the listener has a master-slave group',
    (scene) => withListener(scene, { group: null, masterSlaveGroup: 'rsp-ms' }),
    /listener 80 leads to rsp-ms/,
    null,
  ],
  [
    'listener',
    'fail',
    'the listener is stopped',
    (scene) => withListener(scene, { status: 'stopped' }),
    /listener 80 is stopped/,
    /^aliyun slb StartLoadBalancerListener --LoadBalancerId lb-public --ListenerPort 80 --ListenerProtocol http$/,
  ],
  [
    'scheduler',
    'fail',
    'the listener takes backends in turn',
    (scene) => withListener(scene, { scheduler: 'rr' }),
    /schedules by rr, which ignores weights: set it to wrr/,
    setListener('--Scheduler wrr'),
  ],
  [
    'stickiness',
    'fail',
    'the listener sets a cookie',
    (scene) => withListener(scene, { isSticky: true }),
    /session stickiness/,
    setListener('--StickySession off'),
  ],
  [
    'stickiness',
    'fail',
    'a TCP listener keeps clients',
    (scene) => withListener(scene, { ...tcp, isSticky: true }),
    /session stickiness/,
    /SetLoadBalancerTCPListenerAttribute .* --PersistenceTimeout 0$/,
  ],
  [
    'health-check',
    'warn',
    'the health check is off, and probes cover both sides',
    (scene) => withListener(scene, { hasHealthCheck: false }),
    /the health check of listener 80 is off, .* probes alone tell/,
    setListener('--HealthCheck on'),
  ],
  [
    'health-check',
    'fail',
    'the health check is off, and nothing probes the target',
    (scene) => {
      withListener(scene, { hasHealthCheck: false });
      scene.spec = { ...scene.spec, probes: scene.spec.probes.map((one) => ({ ...one, side: 'source' })) };
    },
    /the health check of listener 80 is off, .* turn it on/,
    setListener('--HealthCheck on'),
  ],
  [
    'health-check-port',
    'fail',
    'one port is checked for all',
    (scene) => withListener(scene, { healthCheck: { type: 'tcp', port: 30_080, host: '', path: '/' } }),
    /checks every backend at port 30080, and backends of rsp-pub-80 listen at 8080/,
    setListener('--HealthCheckConnectPort -520'),
  ],
  [
    'established-connections',
    'warn',
    'idle connections outlast a bake, and are cut when backends go',
    (scene) => withListener(scene, { ...tcp, establishedTimeoutMs: 900_000, drainsConnections: false }),
    /keeps idle connections for 900 s, longer than the shortest bake, and does not drain/,
    /--EstablishedTimeout 60 --ConnectionDrain on --ConnectionDrainTimeout 300$/,
  ],
  [
    'per-connection',
    'warn',
    'the listener is one for TCP',
    (scene) => withListener(scene, tcp),
    /TCP listener: the share is one of new connections/,
    null,
  ],
  [
    'proxy-protocol',
    'warn',
    'the listener speaks Proxy Protocol',
    (scene) => withListener(scene, { ...tcp, hasProxyProtocol: true }),
    /both gateways must expect it/,
    null,
  ],
];

const loadBalancer: readonly Row[] = [
  [
    'clb',
    'fail',
    'there is no such load balancer',
    (scene) => {
      scene.loadBalancer = null;
    },
    /lb-public does not exist/,
    null,
  ],
  ['clb', 'fail', 'it is locked', (scene) => withClb(scene, { status: 'locked' }), /lb-public is locked/, null],
  [
    'clb-tags',
    'fail',
    'a cluster made it for itself',
    (scene) => withClb(scene, { tags: { 'kubernetes.do.not.delete': 'a1', 'ack.aliyun.com': 'c1', team: 'shop' } }),
    /kubernetes.do.not.delete and ack.aliyun.com/,
    /^aliyun slb UntagResources --ResourceType instance --ResourceId.1 lb-public --TagKey.1 kubernetes.do.not.delete --TagKey.2 ack.aliyun.com$/,
  ],
  [
    'clb-tags',
    'fail',
    "it is the API server's",
    (scene) => {
      withClb(scene, { tags: { 'ack.aliyun.com': 'c1' } });
      withListener(scene, { port: 6443 });
    },
    /API server: take another one/,
    null,
  ],
  [
    'clb-tags',
    'unknown',
    'tags may not be read',
    (scene) => withClb(scene, { tags: null }),
    /missing permission: slb:ListTagResources/,
    null,
  ],
  [
    'clb-name',
    'warn',
    "it bears the name of the source's own",
    (scene) => withClb(scene, { name: 'a5b1f0c2e8d4a4c079a5301111111111' }),
    /load balancer of Service istio-system\/istio-ingressgateway, which would be deleted with it/,
    /^aliyun slb SetLoadBalancerName --LoadBalancerId lb-public --LoadBalancerName shared-lb-public$/,
  ],
  [
    'clb-spec',
    'warn',
    'it is a shared one and pods are not attached yet',
    (scene) => {
      withClb(scene, { spec: '' });
      withBackends(scene, () => ({ backends: [] }));
    },
    /has no specification/,
    null,
  ],
  [
    'group',
    'fail',
    'the group is one of another load balancer',
    (scene) => withClb(scene, { groups: {} }),
    /rsp-pub-80 is not one of lb-public/,
    null,
  ],
  [
    'group',
    'fail',
    "the group bears the name of the controller's own",
    (scene) =>
      withClb(scene, {
        groups: { 'rsp-pub-80': { name: 'k8s/80/istio-ingressgateway/istio-system/c1', backends: 3, rules: [] } },
      }),
    /as the controller's own are: rename it/,
    /^aliyun slb SetVServerGroupAttribute --VServerGroupId rsp-pub-80 --VServerGroupName shared-rsp-pub-80$/,
  ],
  [
    'forwarding-rules',
    'warn',
    'a rule leads elsewhere',
    (scene) =>
      withClb(scene, {
        groups: { ...scene.loadBalancer?.groups, 'rsp-other': { name: 'x', backends: 1, rules: ['a.example/api'] } },
      }),
    /a.example\/api to rsp-other/,
    null,
  ],
  [
    'backend-quota',
    'fail',
    'there is no room for what is lacking',
    (scene) => {
      withClb(scene, { groups: { 'rsp-pub-80': { name: 'shop', backends: 199, rules: [] } } });
      withBackends(scene, () => ({ backends: [] }));
    },
    /would have 205 backends, more than the 200/,
    null,
  ],
  [
    'backend-quota',
    'warn',
    'there is no room for what may come',
    (scene) => {
      withClb(scene, { groups: { 'rsp-pub-80': { name: 'shop', backends: 190, rules: [] } } });
      withService(scene, 'target', {}, { autoscalers: { value: [anAutoscaler('target', { maxReplicas: 20 })] } });
    },
    /has 190 backends, and 207 when all autoscalers are at their most/,
    null,
  ],
];

export const casesOfBalancers: readonly Row[] = [...backends, ...capacity, ...listeners, ...loadBalancer];
