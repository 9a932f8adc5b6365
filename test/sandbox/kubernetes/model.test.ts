import { describe, expect, it } from 'vitest';
import { ApiError } from '../../../src/sandbox/kubernetes/api-error.ts';
import { ClusterModel, type WatchEvent } from '../../../src/sandbox/kubernetes/model.ts';
import type { Patch } from '../../../src/sandbox/kubernetes/patching.ts';
import { resourceTypes } from '../../../src/sandbox/kubernetes/resource-types.ts';
import { gatewayService } from './api-server.ts';

const start = Date.parse('2026-03-01T00:00:00Z');
const key = { namespace: 'istio-system', name: 'gw' };
const context = { now: start + 1_000, manager: 'test' };

function aModel(historyMax = 100): ClusterModel {
  const model = new ClusterModel({ name: 'c', serves: Object.values(resourceTypes), now: start, historyMax });
  model.put('namespaces', { metadata: { name: 'istio-system' } }, start);
  return model;
}

function aModelWithService(): ClusterModel {
  const model = aModel();
  model.create('services', gatewayService, { ...context, manager: 'creator' });
  return model;
}

const weigh = (weight: string): Patch => ({ kind: 'merge', body: { metadata: { annotations: { weight } } } });

function thrownBy(action: () => unknown): ApiError {
  try {
    action();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('versions of an object', () => {
  it('grow with every change of the cluster and stay when nothing changes', () => {
    const model = aModelWithService();
    const first = model.get('services', key);
    const second = model.patch('services', key, weigh('90'), context);
    expect(Number(second.metadata.resourceVersion)).toBe(Number(first.metadata.resourceVersion) + 1);
    expect(model.patch('services', key, weigh('90'), context)).toBe(second);
    expect(model.resourceVersion).toBe(second.metadata.resourceVersion);
  });

  it('make a write that is based on an old one a conflict', () => {
    const model = aModelWithService();
    const stale = model.get('services', key);
    model.patch('services', key, weigh('90'), context);
    const error = thrownBy(() => model.update('services', key, stale, context));
    expect([error.status, error.reason]).toEqual([409, 'Conflict']);
  });

  it('are the same in two models that lived the same life', () => {
    const [one, two] = [aModelWithService(), aModelWithService()];
    expect(one.get('services', key)).toEqual(two.get('services', key));
  });

  it('count generations where the kind has them, and only for what is wanted', () => {
    const model = aModel();
    const gateway = { metadata: key, spec: { serviceAnnotations: { weight: '0' } } };
    expect(model.create('istiogateways', gateway, context).metadata.generation).toBe(1);
    expect(model.patch('istiogateways', key, weigh('1'), context).metadata.generation).toBe(1);
    const spec: Patch = { kind: 'merge', body: { spec: { serviceAnnotations: { weight: '5' } } } };
    expect(model.patch('istiogateways', key, spec, context).metadata.generation).toBe(2);
    const status: Patch = { kind: 'merge', body: { status: { Status: 'Ready' }, spec: { lost: true } } };
    const written = model.patch('istiogateways', key, status, { ...context, subresource: 'status' });
    expect(written).toMatchObject({ metadata: { generation: 2 }, status: { Status: 'Ready' } });
    expect(written.spec).toEqual({ serviceAnnotations: { weight: '5' } });
  });

  it('cannot be changed by who reads them', () => {
    const { metadata } = aModelWithService().get('services', key);
    expect(() => Object.assign(metadata.annotations ?? {}, { weight: '1' })).toThrow(TypeError);
  });
});

describe('ownership', () => {
  it('moves a field to who changed it last', () => {
    const model = aModelWithService();
    model.patch('services', key, weigh('90'), { now: start + 5_000, manager: 'kubectl-annotate' });
    const managed = model.get('services', key).metadata.managedFields ?? [];
    const owner = managed.find(({ manager }) => manager === 'kubectl-annotate');
    expect(owner).toMatchObject({ operation: 'Update', time: '2026-03-01T00:00:05Z', apiVersion: 'v1' });
    expect(owner?.fieldsV1).toEqual({ 'f:metadata': { 'f:annotations': { 'f:weight': {} } } });
    const creator = managed.find(({ manager }) => manager === 'creator');
    expect(JSON.stringify(creator)).not.toContain('f:weight');
  });

  it('is kept for at most eleven managers of updates', () => {
    const model = aModelWithService();
    for (let i = 0; i < 30; i++) {
      const body = { metadata: { annotations: { [`a${i}`]: 'x' } } };
      model.patch('services', key, { kind: 'merge', body }, { now: start + i * 1_000, manager: `m${i}` });
    }
    const managers = model.get('services', key).metadata.managedFields?.map(({ manager }) => manager) ?? [];
    expect(managers.length).toBeLessThanOrEqual(11);
    expect(managers).toContain('ancient-changes');
    expect(managers).toContain('m29');
  });
});

describe('strategic merge', () => {
  const strategic = (body: Patch['body']): Patch => ({ kind: 'strategic', body });
  const portsOf = (model: ClusterModel) => {
    const { ports } = model.get('services', key).spec as { ports: { port: number; targetPort: number }[] };
    return ports.map(({ port, targetPort }) => `${port}:${targetPort}`);
  };

  it('merges ports by number, adds new ones and deletes on demand', () => {
    const model = aModelWithService();
    model.patch('services', key, strategic({ spec: { ports: [{ port: 443, targetPort: 1 }] } }), context);
    expect(portsOf(model)).toEqual(['80:8080', '443:1']);
    const added = { spec: { ports: [{ port: 15021, name: 'status' }] } };
    model.patch('services', key, strategic(added), context);
    expect(portsOf(model)).toEqual(['80:8080', '443:1', '15021:15021']);
    model.patch('services', key, strategic({ spec: { ports: [{ port: 80, $patch: 'delete' }] } }), context);
    expect(portsOf(model)).toEqual(['443:1', '15021:15021']);
    const order = { spec: { '$setElementOrder/ports': [{ port: 15021 }, { port: 443 }] } };
    model.patch('services', key, strategic(order), context);
    expect(portsOf(model)).toEqual(['15021:15021', '443:1']);
  });

  it('replaces a map that is marked so', () => {
    const model = aModelWithService();
    const body = { spec: { selector: { $patch: 'replace', app: 'other' } } };
    const { spec } = model.patch('services', key, strategic(body), context);
    expect(spec).toMatchObject({ selector: { app: 'other' } });
  });
});

describe('a JSON patch', () => {
  const json = (...body: readonly { readonly [field: string]: unknown }[]): Patch => ({
    kind: 'json',
    body: body as never,
  });

  it('adds, tests, moves and removes by escaped paths', () => {
    const model = aModelWithService();
    const operations = json(
      { op: 'test', path: '/metadata/annotations/weight', value: '100' },
      { op: 'add', path: '/metadata/annotations/a~1b', value: '1' },
      { op: 'move', from: '/metadata/annotations/weight', path: '/metadata/annotations/old' },
      { op: 'remove', path: '/spec/ports/1' },
    );
    const patched = model.patch('services', key, operations, context);
    expect(patched.metadata.annotations).toEqual({ 'a/b': '1', old: '100' });
    expect(patched.spec).toMatchObject({ ports: [{ port: 80 }] });
  });

  it('changes nothing when one of its operations cannot be done', () => {
    const model = aModelWithService();
    const before = model.get('services', key);
    const operations = json({ op: 'remove', path: '/spec/ports/1' }, { op: 'remove', path: '/spec/nothing' });
    expect(thrownBy(() => model.patch('services', key, operations, context)).status).toBe(422);
    expect(model.get('services', key)).toBe(before);
  });
});

describe('deletion', () => {
  it('waits for finalizers, and the last one to go takes the object along', () => {
    const model = aModelWithService();
    const events: string[] = [];
    const finalizers = (list: string[] | null): Patch => ({ kind: 'merge', body: { metadata: { finalizers: list } } });
    model.patch('services', key, finalizers(['service.k8s.alibaba/resources']), context);
    const stop = model.watch('services', { since: model.resourceVersion }, ({ type }) => events.push(type));
    const removal = model.remove('services', key, { now: start + 9_000 });
    expect(removal.isGone).toBe(false);
    expect(model.get('services', key).metadata.deletionTimestamp).toBe('2026-03-01T00:00:09Z');
    model.patch('services', key, finalizers(null), context);
    expect(model.find('services', key)).toBeNull();
    expect(events).toEqual(['MODIFIED', 'DELETED']);
    stop();
  });

  it('is refused for another object of the same name', () => {
    const model = aModelWithService();
    const error = thrownBy(() => model.remove('services', key, { ...context, preconditions: { uid: 'other' } }));
    expect(error.status).toBe(409);
    expect(model.find('services', key)).not.toBeNull();
  });

  it('keeps a namespace, closed to new objects, until it is empty', () => {
    const model = aModelWithService();
    const finalizers = (list: string[] | null): Patch => ({ kind: 'merge', body: { metadata: { finalizers: list } } });
    model.patch('services', key, finalizers(['a/b']), context);
    model.remove('namespaces', { name: 'istio-system' }, context);
    const config = { metadata: { name: 'cm', namespace: 'istio-system' } };
    expect(thrownBy(() => model.create('configmaps', config, context)).status).toBe(403);
    model.patch('services', key, finalizers(null), context);
    expect(model.find('namespaces', { name: 'istio-system' })).toBeNull();
  });
});

describe('a watch of the model', () => {
  it('sees an object come and go as its labels begin and cease to match', () => {
    const model = aModelWithService();
    const events: WatchEvent[] = [];
    model.watch('services', { labelSelector: 'side=source' }, (event) => events.push(event));
    const label = (side: string): Patch => ({ kind: 'merge', body: { metadata: { labels: { side } } } });
    model.patch('services', key, label('source'), context);
    model.patch('services', key, weigh('1'), context);
    model.patch('services', key, label('target'), context);
    expect(events.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
  });

  it('tells every listener the same order, also when one of them writes', () => {
    const model = aModelWithService();
    const seen: string[] = [];
    const weightOf = ({ object }: WatchEvent) => object.metadata.annotations?.['weight'] ?? '';
    model.watch('services', { since: model.resourceVersion }, (event) => {
      if (weightOf(event) === '1') model.patch('services', key, weigh('2'), context);
    });
    model.watch('services', { since: model.resourceVersion }, (event) => seen.push(weightOf(event)));
    model.patch('services', key, weigh('1'), context);
    expect(seen).toEqual(['1', '2']);
  });

  it('goes on from any version in the bounded history, and not from an older one', () => {
    const model = aModel(10);
    model.create('services', gatewayService, context);
    const { resourceVersion: old } = model;
    for (let i = 0; i < 50; i++) model.patch('services', key, weigh(String(i)), context);
    const recent = String(Number(model.resourceVersion) - 5);
    const events: WatchEvent[] = [];
    model.watch('services', { since: recent }, (event) => events.push(event));
    expect(events).toHaveLength(5);
    const error = thrownBy(() => model.watch('services', { since: old }, () => undefined));
    expect([error.status, error.reason]).toEqual([410, 'Expired']);
  });
});

describe('a page of a list', () => {
  it('goes on after the last name, until its version is forgotten', () => {
    const model = aModel();
    for (const name of ['a', 'b', 'c']) model.put('configmaps', { metadata: { name, namespace: 'default' } }, start);
    const first = model.list('configmaps', { limit: 2 });
    expect(first.items.map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
    expect(first.remaining).toBe(1);
    const next = { limit: 2, continue: first.continue ?? '' };
    expect(model.list('configmaps', next).items.map(({ metadata }) => metadata.name)).toEqual(['c']);
    model.put('configmaps', { metadata: { name: 'd', namespace: 'default' } }, start);
    model.compact();
    expect(thrownBy(() => model.list('configmaps', next)).status).toBe(410);
  });
});

describe('a Service', () => {
  it('gets node ports and an address that no other has', () => {
    const model = aModelWithService();
    const plain = { metadata: { name: 'b', namespace: 'default' }, spec: { type: 'NodePort', ports: [{ port: 80 }] } };
    const [one, two] = [plain, { ...plain, metadata: { ...plain.metadata, name: 'c' } }].map(
      (each) => model.create('services', each, context).spec as { clusterIP: string; ports: { nodePort: number }[] },
    );
    expect(one?.clusterIP).not.toBe(two?.clusterIP);
    expect([one?.ports[0]?.nodePort, two?.ports[0]?.nodePort]).toEqual([30000, 30001]);
    const stolen = {
      ...plain,
      metadata: { ...plain.metadata, name: 'd' },
      spec: { type: 'NodePort', ports: [{ port: 1, nodePort: 30544 }] },
    };
    expect(thrownBy(() => model.create('services', stolen, context)).message).toContain(
      'provided port is already allocated',
    );
  });

  it('starts without a status unless it is put there as a starting state', () => {
    const model = aModel();
    const status = { loadBalancer: { ingress: [{ ip: '203.0.113.1' }] } };
    expect(model.create('services', { ...gatewayService, status }, context).status).toEqual({ loadBalancer: {} });
    expect(model.put('services', { ...gatewayService, status }, start).status).toEqual(status);
  });
});
