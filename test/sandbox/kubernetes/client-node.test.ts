import {
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  PatchStrategy,
  setHeaderOptions,
  Watch,
} from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ackResources, asmResources } from '../../../src/sandbox/kubernetes/server.ts';
import { eventually, gatewayService, startWorld, type World } from './api-server.ts';

let world: World;
let config: KubeConfig;

beforeAll(async () => {
  world = await startWorld({ serves: [...new Set([...ackResources, ...asmResources])] });
  config = new KubeConfig();
  config.loadFromString(world.server.kubeconfig);
  world.server.model.create('services', gatewayService, { now: Date.now() });
});

afterAll(() => world.stop());

const mergePatch = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
const key = { namespace: 'istio-system', name: 'gw' };

describe('the client library', () => {
  it('lists, reads and merge-patches a Service under its resourceVersion', async () => {
    const core = config.makeApiClient(CoreV1Api);
    const { items } = await core.listNamespacedService({ namespace: 'istio-system' });
    expect(items.map(({ metadata }) => metadata?.name)).toEqual(['gw']);
    const resourceVersion = items[0]?.metadata?.resourceVersion ?? '';
    const body = { metadata: { resourceVersion, annotations: { weight: '90', 'sluice/revision': '7' } } };
    const patched = await core.patchNamespacedService({ ...key, body }, mergePatch);
    expect(patched.metadata?.annotations).toEqual({ weight: '90', 'sluice/revision': '7' });
    expect(patched.metadata?.creationTimestamp).toBeInstanceOf(Date);
    await expect(core.patchNamespacedService({ ...key, body }, mergePatch)).rejects.toMatchObject({ code: 409 });
  });

  it('merge-patches an IstioGateway and leaves its other keys alone', async () => {
    const custom = config.makeApiClient(CustomObjectsApi);
    const kind = {
      group: 'istio.alibabacloud.com',
      version: 'v1beta1',
      namespace: 'istio-system',
      plural: 'istiogateways',
    };
    const gateway = {
      apiVersion: 'istio.alibabacloud.com/v1beta1',
      kind: 'IstioGateway',
      metadata: { name: 'ingressgateway-asm', namespace: 'istio-system' },
      spec: { clusterIds: ['c1'], serviceAnnotations: { weight: '0', id: 'lb-public' } },
    };
    await custom.createNamespacedCustomObject({ ...kind, body: gateway });
    const body = { spec: { serviceAnnotations: { weight: '10' } } };
    const patched = await custom.patchNamespacedCustomObject({ ...kind, name: 'ingressgateway-asm', body }, mergePatch);
    expect(patched).toMatchObject({
      metadata: { generation: 2 },
      spec: { clusterIds: ['c1'], serviceAnnotations: { weight: '10', id: 'lb-public' } },
    });
  });

  it('watches Services from the resourceVersion of a list', async () => {
    const { resourceVersion } = world.server.model;
    const seen: string[] = [];
    const path = '/api/v1/namespaces/istio-system/services';
    const abort = await new Watch(config).watch(
      path,
      { resourceVersion, allowWatchBookmarks: true },
      (type: string, object: { metadata: { annotations: { weight: string } } }) => {
        seen.push(`${type} ${object.metadata.annotations.weight}`);
      },
      () => undefined,
    );
    const body = { metadata: { annotations: { weight: '33' } } };
    await config.makeApiClient(CoreV1Api).patchNamespacedService({ ...key, body }, mergePatch);
    await eventually(
      () => seen.length > 0,
      () => seen.join(),
    );
    expect(seen).toEqual(['MODIFIED 33']);
    abort.abort();
  });

  it('writes labels and the status of a Service through the status subresource, and nothing else', async () => {
    const core = config.makeApiClient(CoreV1Api);
    const body = {
      metadata: { labels: { 'service.beta.kubernetes.io/hash': 'abc' } },
      spec: { type: 'ClusterIP' },
      status: { loadBalancer: { ingress: [{ ip: '203.0.113.10' }] } },
    };
    const written = await core.patchNamespacedServiceStatus({ ...key, body }, mergePatch);
    expect(written.metadata?.labels).toEqual({ 'service.beta.kubernetes.io/hash': 'abc' });
    expect(written.spec?.type).toBe('LoadBalancer');
    expect(written.status?.loadBalancer?.ingress?.[0]?.ip).toBe('203.0.113.10');
    const main = { status: { loadBalancer: {} } };
    const kept = await core.patchNamespacedService({ ...key, body: main }, mergePatch);
    expect(kept.status?.loadBalancer?.ingress?.[0]?.ip).toBe('203.0.113.10');
  });

  it('creates, replaces and deletes a ConfigMap', async () => {
    const core = config.makeApiClient(CoreV1Api);
    const namespace = 'istio-system';
    const created = await core.createNamespacedConfigMap({
      namespace,
      body: { metadata: { name: 'cm' }, data: { a: '1' } },
    });
    created.data = { b: '2' };
    const replaced = await core.replaceNamespacedConfigMap({ namespace, name: 'cm', body: created });
    expect(replaced.data).toEqual({ b: '2' });
    const deleted = await core.deleteNamespacedConfigMap({ namespace, name: 'cm' });
    expect(deleted.status).toBe('Success');
    await expect(core.readNamespacedConfigMap({ namespace, name: 'cm' })).rejects.toMatchObject({ code: 404 });
  });
});
