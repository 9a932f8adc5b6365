import { annotationKey } from '../../../src/domain/annotations.ts';
import { aSample, aSplitObservation, aStep, aSubsetRoute } from '../../fixtures/builders.ts';
import {
  type Scene,
  withAnnotations,
  withCarrier,
  withClb,
  withGateway,
  withListener,
  withService,
} from '../../fixtures/scene.ts';
import type { Row } from './case.ts';

/** What is wrong with annotations, Services, callers, subsets and the order of routes. */

const key = annotationKey;
const legacy = (suffix: string) => `service.beta.kubernetes.io/alicloud-loadbalancer-${suffix}`;
const gatewayPatch = (suffix: string, value: string) =>
  new RegExp(`patch istiogateway ingressgateway-asm .*-${suffix}":${value}`);

const annotations: readonly Row[] = [
  [
    'service',
    'fail',
    'the Service of the target is not there yet',
    (scene) => withService(scene, 'target', { annotations: null }),
    /istio-ingressgateway-asm does not exist yet/,
    null,
  ],
  [
    'spelling',
    'fail',
    'both spellings say different things',
    (scene) => withAnnotations(scene, 'source', { [legacy('weight')]: '10', [key('weight')]: '20' }),
    /weight is there in both spellings/,
    /annotate service istio-ingressgateway service.beta.kubernetes.io\/alicloud-loadbalancer-weight-$/,
  ],
  [
    'spelling',
    'fail',
    'an empty new spelling hides the old one at a gateway',
    (scene) => withAnnotations(scene, 'target', { [legacy('weight')]: '0', [key('weight')]: '' }),
    /weight is there in both spellings/,
    /patch istiogateway ingressgateway-asm .*alicloud-loadbalancer-weight":null/,
  ],
  [
    'clb-id',
    'fail',
    'a side names another load balancer',
    (scene) => withAnnotations(scene, 'source', { [key('id')]: 'lb-other' }),
    /is "lb-other", not "lb-public"/,
    /annotate service istio-ingressgateway \S+-id=lb-public --overwrite$/,
  ],
  ...(
    [
      ['a space', 'rsp-pub-80:80, rsp-pub-443:443', /has a space.*remove it/],
      ['a port too many', 'rsp-pub-80:80,rsp-pub-443:443', /names rsp-pub-443:443, which the route does not/],
      ['no port', 'rsp-pub-80', /is not <group>:<port>/],
      ['another group', 'rsp-other:80', /does not name rsp-pub-80:80/],
    ] as const
  ).map(
    ([when, text, found]): Row => [
      'vgroup-port',
      'fail',
      `the mapping has ${when}`,
      (scene) => withAnnotations(scene, 'target', { [key('vgroup-port')]: text }),
      found,
      gatewayPatch('vgroup-port', '"rsp-pub-80:80"'),
    ],
  ),
  [
    'force-override',
    'fail',
    'the source takes the listeners',
    (scene) => withAnnotations(scene, 'source', { [key('force-override-listeners')]: 'true' }),
    /force-override-listeners is "true": set it to "false"/,
    /annotate service istio-ingressgateway \S+-force-override-listeners=false/,
  ],
  [
    'force-override',
    'fail',
    'the gateway does not say it although its Service does',
    (scene) => withGateway(scene, { forceOverride: { '': null } }),
    /IstioGateway istio-system\/ingressgateway-asm: force-override-listeners in spec.serviceAnnotations is absent/,
    gatewayPatch('force-override-listeners', '"false"'),
  ],
  [
    'force-override',
    'fail',
    'an override of the gateway takes them',
    (scene) => withGateway(scene, { forceOverride: { '': 'false', c2: 'true' } }),
    /in spec.overrides.c2.serviceAnnotations is "true"/,
    null,
  ],
  [
    'group-per-port',
    'fail',
    'two ports of different pods share a group',
    (scene) => {
      const ports = [80, 443].map((port) => ({ port, group: 'rsp-pub-80' }));
      const route = { ...scene.observation.route, ports };
      scene.spec = { ...scene.spec, routes: [route] };
      scene.observation = { ...scene.observation, route };
    },
    /rsp-pub-80 is that of ports 80 and 443/,
    null,
  ],
];

const services: readonly Row[] = [
  [
    'service-type',
    'fail',
    'a Service is one of another class',
    (scene) => withService(scene, 'target', {}, { loadBalancerClass: 'alibabacloud.com/nlb' }),
    /spec.loadBalancerClass is "alibabacloud.com\/nlb"/,
    null,
  ],
  [
    'service-type',
    'fail',
    'a Service is one for inside',
    (scene) => withService(scene, 'source', {}, { type: 'ClusterIP' }),
    /spec.type is "ClusterIP"/,
    null,
  ],
  [
    'serverless-gateway',
    'fail',
    'the gateway is serverless',
    (scene) => withGateway(scene, { isServerless: true }),
    /is serverless/,
    null,
  ],
  [
    'selectors',
    'fail',
    "the source's selector fits the target's pods",
    (scene) => {
      withService(scene, 'source', {}, { selector: { istio: 'ingressgateway' } });
      withService(scene, 'target', {}, { selector: { istio: 'ingressgateway', app: 'istio-ingressgateway-asm' } });
    },
    /pick the same pods \(one's selector is part of the other's\)/,
    null,
  ],
  [
    'selectors',
    'fail',
    'both pick one Deployment',
    (scene) => {
      for (const side of ['source', 'target'] as const)
        withService(scene, side, {}, { workloads: { value: ['gateway'] } });
    },
    /pick the same pods \(Deployment gateway\)/,
    null,
  ],
  [
    'selectors',
    'fail',
    'a gateway claims the Service of the source',
    (scene) => withService(scene, 'target', {}, { name: 'istio-ingressgateway' }),
    /is that of both sides/,
    null,
  ],
  [
    'address-type',
    'fail',
    'the target wants a public address of an internal load balancer',
    (scene) => {
      withClb(scene, { addressType: 'intranet' });
      withAnnotations(scene, 'target', { [key('address-type')]: 'internet' });
    },
    /address-type is "internet", and lb-public is intranet/,
    gatewayPatch('address-type', '"intranet"'),
  ],
  [
    'client-address',
    'warn',
    'only one side keeps the address of a client',
    (scene) => withService(scene, 'target', { mode: 'cluster' }),
    /the source sees the address of a client and the target only that of a node/,
    null,
  ],
  [
    'istio-api',
    'fail',
    "a cluster serves Istio's objects from the mesh",
    (scene) => withService(scene, 'source', {}, { istioApi: { value: 'istio-system/asm-api' } }),
    /hands networking.istio.io on to istio-system\/asm-api/,
    null,
  ],
  [
    'istio-api',
    'unknown',
    'it may not be read',
    (scene) =>
      withService(scene, 'target', {}, { istioApi: { missing: 'missing permission: get apiservices in the cluster' } }),
    /missing permission: get apiservices in the cluster/,
    null,
  ],
  [
    'weight-owner',
    'warn',
    'Argo CD wrote the weight',
    (scene) => withCarrier(scene, 'target', { writtenBy: 'argocd-controller' }),
    /argocd-controller wrote the weight of the target last/,
    null,
  ],
  [
    'weight-owner',
    'warn',
    'the Service is one that Argo CD tracks',
    (scene) => withAnnotations(scene, 'source', { 'argocd.argoproj.io/tracking-id': 'shop:/Service:x' }),
    /kept by Argo CD/,
    null,
  ],
  [
    'controller-warning',
    'warn',
    'the controller could not resolve a backend',
    (scene) =>
      withService(scene, 'target', {
        warning: { reason: 'SkipSyncBackends', message: 'no eni', atMs: 1_700_000_000_000, firstAtMs: 0 },
      }),
    /SkipSyncBackends at 2023-11-14T22:13:20Z: no eni/,
    null,
  ],
];

const aCheckOverHttp = { type: 'http', port: null, host: 'health.example.com', path: '/healthz' } as const;

const callers: readonly Row[] = [
  [
    'probe',
    'fail',
    'the target does not serve the page',
    (scene) => {
      scene.answers = ({ path }, side) => side === 'source' || path !== '/productpage';
    },
    /probe productpage fails at the target: 503, not 200/,
    null,
  ],
  [
    'health-check-request',
    'warn',
    'the target does not know what the CLB asks',
    (scene) => {
      withListener(scene, { healthCheck: aCheckOverHttp });
      scene.answers = ({ host }) => host !== 'health.example.com';
    },
    /does not answer the health check of listener 80 \(of health.example.com at \/healthz\) with 200/,
    null,
  ],
  [
    'same-address',
    'warn',
    'policy Local leaves nodes without a pod',
    (scene) =>
      withService(
        scene,
        'target',
        { endpoints: [{ address: '10.0.2.1', node: 'worker-1', targetPorts: {} }] },
        { externalTrafficPolicy: 'Local', nodes: { value: ['worker-1', 'worker-2', 'worker-3'] } },
      ),
    /no pod on worker-2, worker-3: from there 198.51.100.10 may not be reached; let callers inside the cluster use istio-ingressgateway-asm.istio-system, or take policy Cluster \(with ENI/,
    /patch istiogateway ingressgateway-asm .*"externalTrafficPolicy":"Cluster"/,
  ],
  [
    'same-address',
    'warn',
    'both are Local, and only the source is on every node',
    (scene) => {
      const endpoints = [{ address: '10.0.1.1', node: 'worker-1', targetPorts: {} }];
      const around = { externalTrafficPolicy: 'Local', nodes: { value: ['worker-1'] } } as const;
      withService(scene, 'source', { endpoints }, around);
      withService(scene, 'target', {}, around);
    },
    /istio-ingressgateway-asm has policy Local and no pod on worker-1/,
    /patch istiogateway/,
  ],
  [
    'same-address',
    'unknown',
    'nodes may not be listed',
    (scene) =>
      withService(
        scene,
        'source',
        {},
        {
          externalTrafficPolicy: 'Local',
          nodes: { missing: 'missing permission: list nodes in the cluster' },
        },
      ),
    /missing permission: list nodes in the cluster; let callers/,
    null,
  ],
  [
    'probe-host',
    'warn',
    "a probe names the load balancer's address",
    (scene) => {
      scene.spec = { ...scene.spec, probes: scene.spec.probes.map((one) => ({ ...one, host: '198.51.100.10' })) };
    },
    /probe productpage names the load balancer's address/,
    null,
  ],
  [
    'direct-callers',
    'warn',
    'callers come past the load balancer',
    (scene) => {
      scene.samples = [aSample('source', 100, 0, { direct: 7 })];
    },
    /7 requests of the last 5 minutes reached the source past the load balancer/,
    null,
  ],
  [
    'direct-callers',
    'unknown',
    'nobody counts them',
    (scene) => {
      scene.samples = [aSample('source', 100, 0)];
    },
    /send direct with the samples/,
    null,
  ],
];

function withSplit(scene: Scene, split: Parameters<typeof aSplitObservation>[0]): void {
  scene.spec = { ...scene.spec, subsets: [aSubsetRoute()] };
  scene.split = aSplitObservation(split);
}

const subsets: readonly Row[] = [
  [
    'virtual-service',
    'fail',
    'the route cannot be changed',
    (scene) => withSplit(scene, { problem: 'two routes lead to reviews' }),
    /two routes lead to reviews/,
    null,
  ],
  [
    'subset-defined',
    'fail',
    'no rule defines a subset',
    (scene) => {
      withSplit(scene, { split: { v1: 100 } });
      scene.split = { ...scene.split, subsets: scene.split.subsets.map((one) => ({ ...one, isDefined: false })) };
    },
    /no DestinationRule defines subset v1 of reviews/,
    null,
  ],
  [
    'subset-ready',
    'fail',
    'a subset has no pod',
    (scene) => withSplit(scene, { split: { v1: 50, v2: 50 }, pods: { v3: 0 } }),
    /subset v3 of reviews has no ready pod/,
    null,
  ],
  [
    'split',
    'fail',
    'the split of today is none',
    (scene) => withSplit(scene, { problem: 'mirrors' }),
    /how reviews is split today cannot be told/,
    null,
  ],
  [
    'route-order',
    'fail',
    'no sample tells the load balancers apart',
    (scene) => {
      const { route } = scene.observation;
      scene.spec = { ...scene.spec, routeOrder: 'sequential', routes: [route, { ...route, loadBalancer: 'lb-2' }] };
    },
    /no sample of the last 5 minutes names lb-2/,
    null,
  ],
  [
    'signals',
    'fail',
    'the Prometheus does not answer',
    (scene) => {
      scene.spec = { ...scene.spec, analysis: { ...scene.spec.analysis, signals: ['prometheus'] } };
      scene.silent = 'prometheus: no answer in time';
    },
    /prometheus: no answer in time/,
    null,
  ],
  [
    'alerts',
    'fail',
    'an alert fires before the start',
    (scene) => {
      scene.alerts = [{ id: 'a', status: 'firing', startsAtMs: 0, seenAtMs: 0, text: '5xx of the shop' }];
    },
    /an alert is firing: 5xx of the shop; wait until it is resolved/,
    null,
  ],
  [
    'control-traffic',
    'warn',
    'the source loses all of its traffic in one step from 50 per cent',
    (scene) => {
      scene.spec = { ...scene.spec, steps: [aStep(10), aStep(50), aStep(100)] };
    },
    /the step at 100 per cent leaves no control traffic.*Take a step at 90 to 95 per cent before it/,
    null,
  ],
];

export const casesOfObjects: readonly Row[] = [...annotations, ...services, ...callers, ...subsets];
