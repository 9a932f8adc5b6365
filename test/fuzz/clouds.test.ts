import http from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clbClient } from '../../src/adapters/clb/clb-client.ts';
import { clbLoadBalancer } from '../../src/adapters/clb/load-balancer.ts';
import { type KubernetesClients, kubernetesClients } from '../../src/adapters/kubernetes/clients.ts';
import { fenceOf } from '../../src/adapters/kubernetes/fence.ts';
import { kubernetesRouter } from '../../src/adapters/kubernetes/router.ts';
import { markIn as watchMarkIn } from '../../src/adapters/kubernetes/watch-mark.ts';
import { markIn } from '../../src/adapters/kubernetes/write-mark.ts';
import { systemClock } from '../../src/adapters/system-clock.ts';
import { annotationKey, keyInUse, parseVgroupPort, parseWeight, readAnnotation } from '../../src/domain/annotations.ts';
import { TransientError } from '../../src/ports/errors.ts';
import type { LoadBalancer } from '../../src/ports/load-balancer.ts';
import { credentials } from '../adapters/clb/cloud.ts';
import { route } from '../adapters/kubernetes/world.ts';
import { changed, changes, edited, edits, holds, oddText, valueOrOurs } from './property.ts';

describe('annotations', () => {
  const key = fc.oneof(
    fc.constantFrom('sluice.dev/fence', 'sluice.dev/written', 'sluice.dev/store-lost-since', 'sluice.dev/rescue-fence'),
    fc.constantFrom(annotationKey('weight'), annotationKey('vgroup-port'), annotationKey('id')),
    oddText,
  );
  it('of any text are read', () =>
    holds(400, fc.dictionary(key, oddText, { maxKeys: 6 }), (annotations) => {
      const fence = fenceOf(annotations);
      expect(fence === null || (Number.isSafeInteger(fence) && fence >= 0)).toBe(true);
      const { storeLostSinceMs, fence: rescued } = watchMarkIn(annotations);
      expect(storeLostSinceMs === null || Number.isFinite(storeLostSinceMs)).toBe(true);
      expect(rescued === null || Number.isSafeInteger(rescued)).toBe(true);
      markIn(annotations);
      keyInUse(annotations, 'weight');
      const weight = parseWeight(readAnnotation(annotations, 'weight') ?? '');
      expect(weight === null || (weight >= 0 && weight <= 100)).toBe(true);
    }));
  it('that name groups and ports are split as the controller does, or refused as a whole', () =>
    holds(
      400,
      fc.oneof(
        oddText,
        edits.map((all) => edited('rsp-a:80,rsp-b:443', all)),
      ),
      (text) => {
        const pairs = parseVgroupPort(text);
        const parts = text.split(',');
        expect(pairs === null).toBe(parts.some((part) => !part.includes(':')));
        if (pairs !== null) expect(pairs).toHaveLength(parts.length);
      },
    ));
});

const answers: Readonly<Record<string, unknown>> = {
  DescribeVServerGroupAttribute: {
    VServerGroupId: 'rsp-1',
    LoadBalancerId: 'lb-1',
    BackendServers: {
      BackendServer: [
        {
          ServerId: 'eni-1',
          ServerIp: '10.0.0.1',
          Port: 8080,
          Weight: '33',
          Type: 'eni',
          Description: 'k8s/8080/a/b/c',
        },
      ],
    },
  },
  DescribeHealthStatus: {
    BackendServers: {
      BackendServer: [
        { ServerId: 'eni-1', ServerIp: '10.0.0.1', Port: 8080, ServerHealthStatus: 'normal', ListenerPort: 80 },
      ],
    },
  },
  DescribeLoadBalancerListeners: {
    Listeners: [
      {
        ListenerPort: 80,
        ListenerProtocol: 'http',
        Status: 'running',
        Scheduler: 'wrr',
        VServerGroupId: 'rsp-1',
        HTTPListenerConfig: { HealthCheck: 'on' },
      },
    ],
    NextToken: '',
  },
  DescribeLoadBalancerAttribute: { LoadBalancerId: 'lb-1', LoadBalancerStatus: 'active', Address: '198.51.100.1' },
  DescribeVServerGroups: { VServerGroups: { VServerGroup: [{ VServerGroupId: 'rsp-1', VServerGroupName: 'shop' }] } },
  ListTagResources: { TagResources: { TagResource: [{ TagKey: 'a', TagValue: 'b' }] }, NextToken: '' },
};

describe('the answers of the CLB', () => {
  let server: JsonServer;
  let answer: (action: string) => string = () => '{}';
  let loadBalancer: LoadBalancer;
  beforeAll(async () => {
    server = await serveJson((request) => answer(String(request.headers['x-acs-action'] ?? '')));
    const access = { region: 'cn-hangzhou', protocol: 'http', credentials: () => credentials } as const;
    loadBalancer = clbLoadBalancer(clbClient({ ...access, clock: systemClock(), endpoint: server.address }));
  });
  afterAll(() => server.stop());

  const readAll = async () => [
    await valueOrOurs(() => loadBalancer.describeGroups('lb-1', [{ port: 80, group: 'rsp-1' }])),
    await valueOrOurs(() => loadBalancer.describeListeners('lb-1')),
    await valueOrOurs(() => loadBalancer.describe('lb-1')),
  ];

  it('are read where they are whole', async () => {
    answer = (action) => JSON.stringify(answers[action]);
    const [groups, listeners, clb] = await readAll();
    expect(groups).toMatchObject([{ port: 80, backends: [{ weight: 33, health: 'normal' }] }]);
    expect(listeners).toMatchObject([{ port: 80, scheduler: 'wrr', hasHealthCheck: true }]);
    expect(clb).toMatchObject({ id: 'lb-1', groups: { 'rsp-1': { name: 'shop' } } });
  });
  it('with anything else in them are read or told, and what is read has weights and ports that are numbers', () =>
    holds(150, changes, async (all) => {
      answer = (action) => JSON.stringify(changed(answers[action] ?? {}, all));
      const [groups] = await readAll();
      for (const { backends } of Array.isArray(groups) ? groups : []) {
        for (const { weight, port } of backends as { weight: unknown; port: unknown }[]) {
          expect(Number.isInteger(weight) && Number.isInteger(port)).toBe(true);
        }
      }
    }));
});

describe('the answers of Kubernetes', () => {
  const port = { name: 'http2', port: 80, targetPort: 8080, protocol: 'TCP' };
  const annotations = { [annotationKey('id')]: 'lb-public', [annotationKey('weight')]: '100', 'sluice.dev/fence': '7' };
  const managedFields = [{ manager: 'kubectl', time: '2026-01-01T00:00:00Z', fieldsV1: { 'f:metadata': {} } }];
  const metadata = { name: 'a', namespace: 'istio-system', resourceVersion: '1', uid: 'u', annotations, managedFields };
  const conditions = { ready: true, serving: true, terminating: false };
  const endpoints = [{ addresses: ['10.0.1.1'], conditions, nodeName: 'n1', targetRef: { kind: 'Pod', name: 'p' } }];
  const event = {
    metadata,
    type: 'Warning',
    reason: 'SyncLoadBalancerFailed',
    message: 'x',
    source: { component: 'service-controller' },
    lastTimestamp: '2026-01-01T00:00:00Z',
    involvedObject: { kind: 'Service', name: 'a' },
  };
  const whole: readonly (readonly [RegExp, object])[] = [
    [
      /endpointslices/,
      {
        kind: 'EndpointSliceList',
        items: [{ metadata, addressType: 'IPv4', endpoints, ports: [{ name: 'http2', port: 8080 }] }],
      },
    ],
    [/events/, { kind: 'EventList', items: [event] }],
    [/deployments/, { kind: 'DeploymentList', items: [{ metadata, spec: { template: {} }, status: { replicas: 1 } }] }],
    [
      /nodes/,
      {
        kind: 'NodeList',
        items: [
          {
            metadata: { name: 'n1', labels: {} },
            spec: { providerID: 'cn-hangzhou.i-1' },
            status: { conditions: [{ type: 'Ready', status: 'True' }] },
          },
        ],
      },
    ],
    [
      /istiogateways/,
      {
        kind: 'IstioGateway',
        metadata,
        spec: {
          clusterIds: ['c1'],
          serviceAnnotations: annotations,
          overrides: { c1: { serviceAnnotations: annotations } },
        },
      },
    ],
    [
      /services/,
      {
        kind: 'Service',
        metadata: { ...metadata, annotations: { ...annotations, 'service.beta.kubernetes.io/backend-type': 'ecs' } },
        spec: { type: 'LoadBalancer', ports: [port], externalTrafficPolicy: 'Local' },
      },
    ],
  ];
  let server: JsonServer;
  let clients: KubernetesClients;
  let answer: (path: string) => string = () => '{}';
  beforeAll(async () => {
    server = await serveJson(({ url = '' }) => answer(url));
    const kubeconfig = JSON.stringify({
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'a', users: [{ name: 'a', user: { token: 't' } }] },
      clusters: [{ name: 'a', cluster: { server: `http://${server.address}`, 'insecure-skip-tls-verify': true } }],
      contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
    });
    clients = kubernetesClients({
      clusters: { ack: { id: 'c1', kubeconfig: 'env:KUBECONFIG_TEXT' } },
      meshes: { asm: { kubeconfig: 'env:KUBECONFIG_TEXT' } },
      env: { KUBECONFIG_TEXT: kubeconfig },
      clock: systemClock(),
      timeoutMs: 2_000,
    });
  });
  afterAll(() => {
    clients.close();
    return server.stop();
  });

  const readAll = async () => {
    const router = kubernetesRouter(clients, { namespaces: ['istio-system'] });
    return [
      await valueOrOurs(() => router.read(route)),
      await valueOrOurs(() => router.discover(route.target)),
      await valueOrOurs(() => router.survey(route)),
    ];
  };
  const wholeOf = (path: string): object => whole.find(([form]) => form.test(path))?.[1] ?? {};

  it('are read where they are whole', async () => {
    answer = (path) => JSON.stringify(wholeOf(path));
    const [reading] = await readAll();
    expect(reading).toMatchObject({ source: { services: [{ readyPods: 1, mode: 'local' }], carrier: { fence: 7 } } });
    expect(reading).toMatchObject({ target: { carrier: { overrides: { c1: '100' } } } });
  });
  it('with a list that holds nothing where an object should be may be whole later', async () => {
    answer = (path) => JSON.stringify(/endpointslices/.test(path) ? { items: [null] } : wholeOf(path));
    const [reading] = await readAll();
    expect(reading).toBeInstanceOf(TransientError);
    expect(reading).toMatchObject({ message: expect.stringContaining('an object that cannot be read') });
  });
  it('with something else than the list of Deployments are read without it', async () => {
    answer = (path) => JSON.stringify(/deployments/.test(path) ? {} : wholeOf(path));
    const [reading] = await readAll();
    expect(reading).toMatchObject({ target: { services: [{ readyPods: 1 }] } });
  });
  it('with fields that are missing or odd are read or told', () =>
    holds(100, fc.tuple(fc.nat(whole.length - 1), changes, edits, fc.nat(3)), async ([kind, all, letters, how]) => {
      answer = (path) => {
        const text = JSON.stringify(wholeOf(path));
        if (!whole[kind]?.[0].test(path)) return text;
        return how === 0 ? edited(text, letters) : JSON.stringify(changed(JSON.parse(text), all));
      };
      await readAll();
    }));
});

interface JsonServer {
  readonly address: string;
  stop(): Promise<void>;
}

async function serveJson(answer: (request: http.IncomingMessage) => string): Promise<JsonServer> {
  const server = http.createServer((request, response) => {
    request
      .resume()
      .on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end(answer(request)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
