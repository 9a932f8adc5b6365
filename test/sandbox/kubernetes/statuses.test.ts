import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AccessRule, asmResources } from '../../../src/sandbox/kubernetes/server.ts';
import { gatewayService, type Reply, servicePath, startWorld, type World } from './api-server.ts';

const tokens: Record<string, readonly AccessRule[]> = {
  'viewer-token': [
    { verbs: ['get', 'list', 'watch'], apiGroups: [''], resources: ['services'], namespaces: ['istio-system'] },
  ],
  'one-token': [{ verbs: ['patch'], apiGroups: [''], resources: ['services'], resourceNames: ['gw'] }],
};

let world: World;

beforeAll(async () => {
  world = await startWorld({ tokens });
  world.server.model.create('services', gatewayService, { now: Date.now() });
});

afterAll(() => world.stop());

function status(code: number, reason: string, message: unknown, details?: unknown) {
  const head = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
  return details === undefined ? head : { ...head, details };
}

const gw = `${servicePath}/gw`;
const mergeType = 'application/merge-patch+json';
const patch = (body: unknown, contentType = mergeType, path = gw): Promise<Reply> =>
  world.ask(path, { method: 'PATCH', body, contentType });

describe('the Status of a refused request', () => {
  it('is 401 without a token and with a wrong one', async () => {
    for (const token of [null, 'wrong']) {
      const { status: code, body } = await world.ask(servicePath, { token });
      expect(code).toBe(401);
      expect(body).toEqual(status(401, 'Unauthorized', 'Unauthorized'));
    }
  });

  it('is 403 for a token whose rules do not allow it', async () => {
    const refused = await world.ask(gw, { token: 'viewer-token', method: 'PATCH', body: {}, contentType: mergeType });
    expect(refused.status).toBe(403);
    const why = 'User "user-1" cannot patch resource "services" in API group "" in the namespace "istio-system"';
    const details = { name: 'gw', kind: 'services' };
    expect(refused.body).toEqual(status(403, 'Forbidden', `services "gw" is forbidden: ${why}`, details));
    const nodes = await world.ask('/api/v1/nodes', { token: 'viewer-token' });
    expect(nodes.body['message']).toBe(
      'nodes is forbidden: User "user-1" cannot list resource "nodes" in API group "" at the cluster scope',
    );
    expect((await world.ask(gw, { token: 'viewer-token' })).status).toBe(200);
    expect((await world.ask('/api/v1/services', { token: 'viewer-token' })).status).toBe(403);
  });

  it('lets a rule name the objects it is about', async () => {
    const one = { token: 'one-token', method: 'PATCH', body: {}, contentType: mergeType };
    expect((await world.ask(gw, one)).status).toBe(200);
    expect((await world.ask(`${servicePath}/other`, one)).status).toBe(403);
  });

  it('is 404 for an object, a namespace, a resource and a path that are not there', async () => {
    const object = await world.ask(`${servicePath}/nobody`);
    expect(object.status).toBe(404);
    expect(object.body).toEqual(
      status(404, 'NotFound', 'services "nobody" not found', { name: 'nobody', kind: 'services' }),
    );
    const path = '/apis/networking.istio.io/v1/namespaces/istio-system/gateways/nobody';
    expect((await world.ask(path)).body).toEqual(
      status(404, 'NotFound', 'gateways.networking.istio.io "nobody" not found', {
        name: 'nobody',
        group: 'networking.istio.io',
        kind: 'gateways',
      }),
    );
    const metadata = { ...gatewayService.metadata, namespace: 'nowhere' };
    const body = { ...gatewayService, metadata };
    const created = await world.ask('/api/v1/namespaces/nowhere/services', { method: 'POST', body });
    expect(created.body['message']).toBe('namespaces "nowhere" not found');
    const resource = await world.ask('/api/v1/namespaces/istio-system/things');
    expect(resource.body).toEqual(status(404, 'NotFound', 'the server could not find the requested resource'));
    const unknown = await world.ask('/apis/example.com/v1');
    expect([unknown.status, unknown.text]).toEqual([404, '404 page not found\n']);
  });

  it('is 405 for a method that the path does not have', async () => {
    const { status: code, body } = await world.ask(gw, { method: 'POST', body: gatewayService });
    expect(code).toBe(405);
    expect(body['reason']).toBe('MethodNotAllowed');
  });

  it('is 409 for an object that exists and for a stale resourceVersion', async () => {
    const existing = await world.ask(servicePath, { method: 'POST', body: gatewayService });
    const details = { name: 'gw', kind: 'services' };
    expect(existing.body).toEqual(status(409, 'AlreadyExists', 'services "gw" already exists', details));
    const stale = await patch({ metadata: { resourceVersion: '1', annotations: { weight: '1' } } });
    expect(stale.status).toBe(409);
    const message =
      'Operation cannot be fulfilled on services "gw": the object has been modified; please apply your changes to the latest version and try again';
    expect(stale.body).toEqual(status(409, 'Conflict', message, details));
    const now = (await world.ask(gw)).body['metadata'] as { resourceVersion: string };
    const fresh = await patch({ metadata: { resourceVersion: now.resourceVersion, annotations: { weight: '2' } } });
    expect(fresh.status).toBe(200);
  });

  it('is 400 for a body that is no JSON, no object, another kind or another name', async () => {
    const broken = await patch('weight=1');
    expect(broken.body).toEqual(
      status(400, 'BadRequest', "error decoding patch: invalid character 'w' looking for beginning of value"),
    );
    expect((await patch('[]')).status).toBe(400);
    expect((await patch('')).body['message']).toBe('error decoding patch: unexpected end of JSON input');
    const other = await world.ask(servicePath, { method: 'POST', body: { apiVersion: 'v1', kind: 'Secret' } });
    expect(other.status).toBe(400);
    expect(other.body['message']).toContain('the object provided is unrecognized');
    const renamed = { ...gatewayService, metadata: { ...gatewayService.metadata, name: 'other' } };
    const put = await world.ask(gw, { method: 'PUT', body: renamed });
    expect(put.body['message']).toBe('the name of the object (other) does not match the name on the URL (gw)');
    const deep = `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`;
    expect((await patch(deep)).status).toBe(400);
    const wrongType = { ...gatewayService, metadata: { name: 'x', annotations: { weight: 1 } } };
    const created = await world.ask(servicePath, { method: 'POST', body: wrongType });
    expect(created.body['message']).toBe(
      'Service in version "v1" cannot be handled as a Service: json: cannot unmarshal number into Go struct field ObjectMeta.metadata.annotations of type string',
    );
  });

  it('is 400 for selectors that cannot be', async () => {
    const field = await world.ask(`${servicePath}?fieldSelector=spec.color%3Dred`);
    expect([field.status, field.body['message']]).toEqual([400, 'field label not supported: spec.color']);
    expect((await world.ask(`${servicePath}?labelSelector=a%20b`)).status).toBe(400);
    expect((await world.ask(`${servicePath}?continue=nonsense`)).status).toBe(400);
  });

  it('is 406 for a representation that there is none of', async () => {
    expect((await world.ask(gw, { accept: 'text/html' })).status).toBe(406);
  });

  it('is 413 for a body over 3 MiB', async () => {
    const { status: code, body } = await patch({ data: 'x'.repeat(3 * 1024 * 1024) });
    expect(code).toBe(413);
    expect(body).toEqual(status(413, 'RequestEntityTooLarge', 'Request entity too large: limit is 3145728'));
  });

  it('is 415 for a patch type that the kind does not take', async () => {
    const types =
      'application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml';
    const prefix = 'the body of the request was in an unknown format - accepted media types include: ';
    const plain = await patch({}, 'application/json');
    expect(plain.status).toBe(415);
    expect(plain.body).toEqual(status(415, 'UnsupportedMediaType', `${prefix}${types}`));
    const path = '/apis/networking.istio.io/v1/namespaces/istio-system/gateways/any';
    const strategic = await patch({}, 'application/strategic-merge-patch+json', path);
    expect(strategic.status).toBe(415);
    expect(strategic.body['message']).not.toContain('strategic');
  });

  it('is 422 for names, ports, annotations and fields that may not be', async () => {
    const named = { ...gatewayService, metadata: { name: 'Bad_Name' } };
    const name = await world.ask(servicePath, { method: 'POST', body: named });
    expect(name.status).toBe(422);
    expect(name.body).toMatchObject({
      reason: 'Invalid',
      code: 422,
      message: expect.stringMatching(
        /^Service "Bad_Name" is invalid: .*metadata\.name: Invalid value: "Bad_Name": a DNS-1035 label/,
      ),
      details: {
        name: 'Bad_Name',
        kind: 'Service',
        causes: expect.arrayContaining([expect.objectContaining({ field: 'metadata.name' })]),
      },
    });
    const port = await patch({ spec: { ports: [{ port: 70_000 }] } });
    expect(port.body['message']).toBe(
      'Service "gw" is invalid: [spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive, spec.ports[0].targetPort: Invalid value: 70000: must be between 1 and 65535, inclusive]',
    );
    const address = await patch({ spec: { clusterIP: '172.21.0.99' } });
    expect(address.body['message']).toContain(
      'spec.clusterIPs[0]: Invalid value: ["172.21.0.99"]: may not change once set',
    );
    const annotation = await patch({ metadata: { annotations: { weight: 10 } } });
    expect(annotation.status).toBe(422);
    expect(annotation.body['message']).toContain(
      'cannot unmarshal number into Go struct field ObjectMeta.metadata.annotations',
    );
    const key = await patch({ metadata: { annotations: { 'a b': 'x' } } });
    expect(key.body['message']).toContain('metadata.annotations: Invalid value: "a b": name part must consist of');
    const large = await patch({ metadata: { annotations: { large: 'x'.repeat(262_145) } } });
    expect(large.body['message']).toContain('metadata.annotations: Too long: may not be more than 262144 bytes');
    const test = await patch([{ op: 'test', path: '/metadata/name', value: 'no' }], 'application/json-patch+json');
    expect([test.status, test.body['reason']]).toEqual([422, 'Invalid']);
  });

  it('warns of fields that a Service does not have, and drops them', async () => {
    const merge = await patch({ spec: { größe: 1 } });
    expect([merge.status, merge.headers['warning']]).toEqual([200, '299 - "unknown field \\"spec.gr??e\\""']);
    expect(merge.body['spec']).not.toHaveProperty('größe');
    const strict = await world.ask(`${gw}?fieldValidation=Strict`, {
      method: 'PATCH',
      body: { x: 1 },
      contentType: mergeType,
    });
    expect(strict.body['message']).toContain('strict decoding error: unknown field "x"');
  });

  it('leaves the object as it was after all of these', () => {
    const { metadata } = world.server.model.get('services', { namespace: 'istio-system', name: 'gw' });
    expect(metadata.annotations).toEqual({ weight: '2' });
  });
});

describe('the API server of a mesh', () => {
  it('serves IstioGateways whose annotations are texts, and no Services', async () => {
    const mesh = await startWorld({ name: 'asm-test', place: 'asm', serves: asmResources });
    try {
      const path = '/apis/istio.alibabacloud.com/v1beta1/namespaces/istio-system/istiogateways';
      const gateway = (weight: unknown) => ({
        apiVersion: 'istio.alibabacloud.com/v1beta1',
        kind: 'IstioGateway',
        metadata: { name: 'ingressgateway-asm', namespace: 'istio-system' },
        spec: { serviceAnnotations: { weight } },
      });
      const wrong = await mesh.ask(path, { method: 'POST', body: gateway(10) });
      expect(wrong.status).toBe(422);
      expect(wrong.body['message']).toBe(
        'IstioGateway.istio.alibabacloud.com "ingressgateway-asm" is invalid: spec.serviceAnnotations.weight: Invalid value: "integer": spec.serviceAnnotations.weight in body must be of type string: "integer"',
      );
      expect((await mesh.ask(path, { method: 'POST', body: gateway('0') })).status).toBe(201);
      const listed = await mesh.kubectl(['get', 'istiogateways', '-A']);
      expect(listed.stdout).toMatch(/NAMESPACE +NAME +AGE +STATUS\nistio-system +ingressgateway-asm +\d+s/);
      expect((await mesh.ask('/api/v1/services')).status).toBe(404);
      expect(
        (await mesh.ask(`${path}/ingressgateway-asm`, { method: 'PUT', body: gateway('1') })).body['message'],
      ).toContain('metadata.resourceVersion: Invalid value: 0x0: must be specified for an update');
    } finally {
      await mesh.stop();
    }
  });
});
