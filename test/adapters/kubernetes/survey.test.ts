import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { annotationKey } from '../../../src/domain/annotations.ts';
import { InvalidInputError } from '../../../src/ports/errors.ts';
import {
  cloudAnnotations,
  limitedToken,
  namespace,
  putGateway,
  putNode,
  putService,
  route,
  startWorld,
  type World,
} from './world.ts';

let world: World;
beforeEach(async () => {
  world = await startWorld();
});
afterEach(() => world.stop());

const source = 'istio-ingressgateway';

function putDeployment(name: string, labels: object, status: object = {}): void {
  const object = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [] } } },
    status,
  };
  world.ack.model.put('deployments', object as never, Date.now());
}

function putAutoscaler(workload: string, spec: object): void {
  const object = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: `${workload}-hpa`, namespace },
    spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: workload }, maxReplicas: 6, ...spec },
  };
  world.ack.model.put('horizontalpodautoscalers', object as never, Date.now());
}

/** What a busy machine keeps waiting would be told as missing. */
const timeoutMs = 20_000;
const surveyed = () => world.withAckKubeconfig(world.ack.kubeconfig, timeoutMs).survey(route);
const sourceOf = async () => (await surveyed()).source.services[0];

describe('what stands around a route', () => {
  it('is told with the Deployments that a selector picks, and what scales them', async () => {
    putDeployment(source, { app: source, version: 'v1' });
    putDeployment('other', { app: 'other' });
    putAutoscaler(source, { minReplicas: 2 });
    putAutoscaler('other', { minReplicas: 4 });
    expect(await sourceOf()).toMatchObject({
      cluster: 'ack',
      name: source,
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Cluster',
      selector: { app: source },
      ports: [
        { port: 80, targetPort: 8080 },
        { port: 443, targetPort: 8443 },
      ],
      workloads: { value: [source] },
      autoscalers: {
        value: [{ name: `${source}-hpa`, workload: source, minReplicas: 2, maxReplicas: 6, neverShrinks: false }],
      },
      istioApi: { value: null },
    });
  });

  it('knows the autoscaler that has no minimum, and the one that only grows', async () => {
    putDeployment(source, { app: source });
    putAutoscaler(source, { behavior: { scaleDown: { selectPolicy: 'Disabled' } } });
    expect((await sourceOf())?.autoscalers).toMatchObject({ value: [{ minReplicas: 1, neverShrinks: true }] });
  });

  it('lists the nodes only where the policy is Local', async () => {
    putNode(world.ack, 'worker-1');
    expect((await sourceOf())?.nodes).toEqual({ value: [] });
    expect(world.requests.filter(({ path }) => path.includes('/nodes'))).toEqual([]);
    putService(world.ack, source, cloudAnnotations, { externalTrafficPolicy: 'Local' });
    expect(await sourceOf()).toMatchObject({ externalTrafficPolicy: 'Local', nodes: { value: ['worker-1'] } });
  });

  it("finds the cluster that hands Istio's API on", async () => {
    const object = {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1beta1.networking.istio.io' },
      spec: { group: 'networking.istio.io', version: 'v1beta1', service: { namespace: 'istio-system', name: 'asm' } },
    };
    world.ack.model.put('apiservices', object as never, Date.now());
    expect((await sourceOf())?.istioApi).toEqual({ value: 'istio-system/asm' });
  });

  it('reads of the gateway whether it is serverless, and what it says of the listeners in each place', async () => {
    const force = annotationKey('force-override-listeners');
    const overrides = { c2: { serviceAnnotations: { [force]: 'true' } }, c3: { replicaCount: 1 } };
    putGateway(world.asm, { serviceAnnotations: cloudAnnotations, overrides });
    const { gateway } = (await surveyed()).target;
    expect(gateway).toEqual({
      namespace,
      name: 'ingressgateway-asm',
      isServerless: false,
      forceOverride: { '': 'false', c2: 'true' },
    });
  });

  it('says which permission is missing for what it may not read', async () => {
    const router = world.withAckKubeconfig(limited(world.ack.kubeconfig), timeoutMs);
    const [service] = (await router.survey(route)).source.services;
    expect(service?.autoscalers).toEqual({
      missing: expect.stringContaining(`missing permission: list deployments in namespace ${namespace}`),
    });
    expect(service?.istioApi).toEqual({
      missing: expect.stringContaining('missing permission: get apiservices in the cluster'),
    });
  });
});

/** The same kubeconfig with the token of somebody who may read Services and slices only. */
describe('the Deployments behind a target', () => {
  const target = 'istio-ingressgateway-asm';
  const counts = { observedGeneration: 1, replicas: 3, updatedReplicas: 1 };
  const conditions = [{ type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated' }];

  it('are read with every look: how many pods are new, and what their controller has seen', async () => {
    for (const name of [source, target]) putDeployment(name, { app: name }, { ...counts, conditions });
    const seen = await world.withAckKubeconfig(world.ack.kubeconfig, timeoutMs).read(route);
    expect(seen.source.services[0]?.workloads).toBeUndefined();
    expect(seen.target.services[0]?.workloads).toMatchObject([
      { name: target, ...counts, progress: 'ReplicaSetUpdated' },
    ]);
  });

  it('are left out where they may not be read: no look fails for want of them', async () => {
    putDeployment(target, { app: target }, counts);
    const seen = await world.withAckKubeconfig(limited(world.ack.kubeconfig), timeoutMs).read(route);
    expect(seen.target.services).toHaveLength(1);
    expect(seen.target.services[0]?.workloads).toBeUndefined();
  });
});

describe('the gateway of a target', () => {
  it('is read with a digest of each field that restarts its pods, which a weight is not', async () => {
    const fieldsOf = async (spec: object, weight: string) => {
      const serviceAnnotations = { ...cloudAnnotations, [annotationKey('weight')]: weight };
      putGateway(world.asm, { serviceAnnotations, ...spec });
      return (await world.router.read(route)).target.carrier?.restarting;
    };
    const before = await fieldsOf({ hostNetwork: false, nodeSelector: { pool: 'a' } }, '0');
    expect(Object.keys(before ?? {}).sort()).toEqual(['spec.hostNetwork', 'spec.nodeSelector']);
    expect(await fieldsOf({ hostNetwork: false, nodeSelector: { pool: 'a' } }, '10')).toEqual(before);
    expect(await fieldsOf({ hostNetwork: false, nodeSelector: { pool: 'b' } }, '10')).not.toEqual(before);
  });
});

describe('a serverless gateway', () => {
  it('is refused for a route by name, where it has no cluster whose Service could be read', async () => {
    const metadata = {
      name: 'ingressgateway-asm',
      namespace,
      annotations: { 'asm.alibabacloud.com/managed-by-asm': 'true' },
    };
    const object = { apiVersion: 'istio.alibabacloud.com/v1beta1', kind: 'IstioGateway', metadata, spec: {} };
    world.asm.model.put('istiogateways', object as never, Date.now());
    const refusal = /spec\.target: asm\/istio-system\/ingressgateway-asm is a serverless gateway/;
    await expect(world.router.read(route)).rejects.toThrow(refusal);
    await expect(world.router.discover(route.target)).rejects.toThrow(InvalidInputError);
  });
});

function limited(yaml: string): string {
  return yaml.replace(/token: .*/, `token: ${limitedToken}`);
}
