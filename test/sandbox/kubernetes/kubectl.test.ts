import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually, gatewayService, startWorld, type World } from './api-server.ts';

let world: World;
/** Minor version of the kubectl at hand: Debian's is 1.20, and says some things in other words or cannot say them. */
let minor: number;

beforeAll(async () => {
  world = await startWorld();
  const { stdout } = await world.kubectl(['version', '--client', '-o', 'json']);
  minor = Number.parseInt(JSON.parse(stdout).clientVersion.minor, 10);
  expect(minor).toBeGreaterThanOrEqual(20);
});

afterAll(() => world.stop());

beforeEach(() => {
  const { model } = world.server;
  const key = { namespace: 'istio-system', name: 'gw' };
  if (model.find('services', key)) model.remove('services', key, { now: Date.now() });
  model.create('services', gatewayService, { now: Date.now(), manager: 'seed' });
});

const scope = ['-n', 'istio-system'];
const weightPath = '{.metadata.annotations.weight}';

async function printed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await world.kubectl([...args, ...scope]);
  expect(stderr, args.join(' ')).toBe('');
  expect(code).toBe(0);
  return stdout.trimEnd();
}

async function refused(...args: string[]): Promise<string> {
  const { code, stderr } = await world.kubectl([...args, ...scope]);
  expect(code).not.toBe(0);
  return stderr.trimEnd();
}

describe('kubectl get', () => {
  it('prints the columns of a Service', async () => {
    const [header, row] = (await printed('get', 'svc', 'gw')).split('\n');
    expect(header?.split(/\s{2,}/)).toEqual(['NAME', 'TYPE', 'CLUSTER-IP', 'EXTERNAL-IP', 'PORT(S)', 'AGE']);
    expect(row).toMatch(/^gw +LoadBalancer +172\.21\.\d+\.\d+ +<pending> +80:30544\/TCP,443:30682\/TCP +\d+s$/);
  });

  it('prints YAML, JSON, jsonpath, custom columns and wide columns', async () => {
    expect(await printed('get', 'svc', 'gw', '-o', 'yaml')).toContain('weight: "100"');
    expect(JSON.parse(await printed('get', 'svc', 'gw', '-o', 'json'))).toMatchObject({
      kind: 'Service',
      apiVersion: 'v1',
    });
    expect(await printed('get', 'svc', '-o', `jsonpath={.items[0]${weightPath.slice(1, -1)}}`)).toBe('100');
    expect(await printed('get', 'svc', '-o', 'custom-columns=W:.metadata.annotations.weight')).toBe('W\n100');
    expect(await printed('get', 'svc', 'gw', '-o', 'wide')).toMatch(/SELECTOR\n.*app=gw$/);
  });

  it('selects by label and by field', async () => {
    await printed('label', 'svc', 'gw', 'side=source');
    expect(await printed('get', 'svc', '-l', 'side in (source,target)', '-o', 'name')).toBe('service/gw');
    expect(await printed('get', 'svc', '-l', 'side!=source', '-o', 'name')).toBe('');
    expect(await printed('get', 'svc', '--field-selector', 'metadata.name=gw', '-o', 'name')).toBe('service/gw');
  });

  it('lists across namespaces in pages', async () => {
    const { stdout } = await world.kubectl(['get', 'namespaces', '--chunk-size=2', '-o', 'name']);
    const names = ['default', 'istio-system', 'kube-node-lease', 'kube-public', 'kube-system'];
    expect(stdout.trim().split('\n')).toEqual(names.map((name) => `namespace/${name}`));
  });

  it('says what is not there in the words of a real cluster', async () => {
    expect(await refused('get', 'svc', 'nobody')).toBe('Error from server (NotFound): services "nobody" not found');
    expect(await refused('get', 'nonsense')).toBe('error: the server doesn\'t have a resource type "nonsense"');
  });

  it('follows changes with -w as rows of one table', async () => {
    const watch = world.following(['get', 'svc', 'gw', ...scope, '-w', '--output-watch-events']);
    await eventually(() => watch.printed().includes('ADDED'), watch.printed);
    await printed('annotate', 'svc', 'gw', 'weight=10', '--overwrite');
    await eventually(() => watch.printed().includes('MODIFIED'), watch.printed);
    world.server.model.remove('services', { namespace: 'istio-system', name: 'gw' }, { now: Date.now() });
    await eventually(() => watch.printed().includes('DELETED'), watch.printed);
    expect(watch.printed().match(/CLUSTER-IP/g)).toHaveLength(1);
    watch.process.kill();
  });
});

describe('kubectl changes a Service', () => {
  const weight = () => printed('get', 'svc', 'gw', '-o', `jsonpath=${weightPath}`);

  it('annotates only with --overwrite where there is a value, and removes with a minus', async () => {
    expect(await refused('annotate', 'svc', 'gw', 'weight=90')).toContain('--overwrite is false');
    expect(await printed('annotate', 'svc', 'gw', 'weight=90', '--overwrite')).toMatch(/^service\/gw annotate/);
    expect(await weight()).toBe('90');
    await printed('annotate', 'svc', 'gw', 'weight-');
    expect(await weight()).toBe('');
  });

  it('patches by merge, JSON and strategic merge', async () => {
    await printed('patch', 'svc', 'gw', '--type', 'merge', '-p', '{"metadata":{"annotations":{"weight":"80"}}}');
    expect(await weight()).toBe('80');
    const operation = '[{"op":"replace","path":"/metadata/annotations/weight","value":"70"}]';
    await printed('patch', 'svc', 'gw', '--type', 'json', '-p', operation);
    expect(await weight()).toBe('70');
    await printed('patch', 'svc', 'gw', '-p', '{"spec":{"ports":[{"port":443,"targetPort":9443}]}}');
    const ports = await printed('get', 'svc', 'gw', '-o', 'jsonpath={.spec.ports[*].targetPort}');
    expect(ports).toBe('8080 9443');
  });

  it('refuses an annotation that is no text', async () => {
    const patch = '{"metadata":{"annotations":{"weight":10}}}';
    const message = await refused('patch', 'svc', 'gw', '--type', 'merge', '-p', patch);
    expect(message).toMatch(/^The request is invalid: patch: Invalid value: /);
    expect(message).toContain(
      'cannot unmarshal number into Go struct field ObjectMeta.metadata.annotations of type string',
    );
    expect(await weight()).toBe('100');
  });

  it('changes nothing with --dry-run=server', async () => {
    const change = ['annotate', 'svc', 'gw', 'weight=1', '--overwrite', '--dry-run=server'];
    if (minor < 25) expect(await refused(...change)).toContain("doesn't support dry-run");
    else expect(await printed(...change)).toContain('server dry run');
    expect(await weight()).toBe('100');
  });

  it('applies: creates, changes, leaves unchanged, and keeps node ports that the file does not name', async () => {
    const manifest = (target: number) => ({
      ...gatewayService,
      metadata: { name: 'applied', namespace: 'istio-system', annotations: { weight: '0' } },
      spec: { type: 'LoadBalancer', ports: [{ name: 'http2', port: 80, targetPort: target }] },
    });
    const apply = async (target: number) =>
      (await world.kubectl(['apply', '-f', '-'], JSON.stringify(manifest(target)))).stdout.trim();
    expect(await apply(8080)).toBe('service/applied created');
    const nodePort = await printed('get', 'svc', 'applied', '-o', 'jsonpath={.spec.ports[0].nodePort}');
    await printed('annotate', 'svc', 'applied', 'someone=else');
    expect(await apply(8080)).toBe('service/applied unchanged');
    expect(await apply(8081)).toBe('service/applied configured');
    const fields = '{.spec.ports[0].targetPort} {.spec.ports[0].nodePort} {.metadata.annotations.someone}';
    expect(await printed('get', 'svc', 'applied', '-o', `jsonpath=${fields}`)).toBe(`8081 ${nodePort} else`);
    expect(await printed('delete', 'svc', 'applied')).toContain('service "applied" deleted');
  });

  it('refuses to apply a misspelt field and an impossible port', async () => {
    const misspelt = { ...gatewayService, spec: { ...gatewayService.spec, typ: 'LoadBalancer' } };
    const strict = await world.kubectl(['apply', '-f', '-'], JSON.stringify(misspelt));
    // Since 1.25 the client asks the server to be strict; before, the server only warns.
    expect(strict.stderr).toContain(`${minor < 25 ? 'Warning' : 'strict decoding error'}: unknown field "spec.typ"`);
    const metadata = { ...gatewayService.metadata, name: 'wrong' };
    const wrongPort = { ...gatewayService, metadata, spec: { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] } };
    const invalid = await world.kubectl(['apply', '-f', '-'], JSON.stringify(wrongPort));
    expect(invalid.stderr).toContain(
      'spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range',
    );
  });

  it('applies on the server, with an owner for each field', async () => {
    const config = { ...gatewayService, metadata: { ...gatewayService.metadata, name: 'owned' } };
    const apply = (object: unknown, ...flags: string[]) =>
      world.kubectl(['apply', '--server-side', ...flags, '-f', '-'], JSON.stringify(object));
    const free = {
      ...config,
      spec: {
        ...config.spec,
        ports: [
          { name: 'http2', port: 80 },
          { name: 'https', port: 443 },
        ],
      },
    };
    expect((await apply(free)).stdout).toContain('service/owned serverside-applied');
    await printed('annotate', 'svc', 'owned', 'weight=50', '--overwrite');
    const conflict = await apply(free);
    expect(conflict.stderr).toContain(
      'Apply failed with 1 conflict: conflict with "kubectl-annotate" using v1: .metadata.annotations.weight',
    );
    expect((await apply(free, '--force-conflicts')).code).toBe(0);
    const fewer = { ...free, spec: { ...free.spec, ports: [{ name: 'https', port: 443 }] } };
    expect((await apply(fewer)).code).toBe(0);
    const fields = 'jsonpath={.metadata.annotations.weight} {.spec.ports[*].port}';
    expect(await printed('get', 'svc', 'owned', '-o', fields)).toBe('100 443');
    await printed('delete', 'svc', 'owned');
  });

  it('waits for a value', async () => {
    const wait = world.kubectl(['wait', 'svc/gw', ...scope, `--for=jsonpath=${weightPath}=42`, '--timeout=20s']);
    await eventually(
      () => world.paths.some((path) => path.includes('services') && path.includes('watch=true')),
      () => world.paths.join('\n'),
    );
    await printed('annotate', 'svc', 'gw', 'weight=42', '--overwrite');
    const { stdout, stderr } = await wait;
    if (minor < 23) expect(stderr).toContain('unrecognized condition');
    else expect(stdout).toContain('condition met');
  });

  it('describes it with its annotations and events', async () => {
    const { uid } = world.server.model.get('services', { namespace: 'istio-system', name: 'gw' }).metadata;
    const event = {
      metadata: { name: 'gw.1', namespace: 'istio-system' },
      involvedObject: { kind: 'Service', namespace: 'istio-system', name: 'gw', uid, apiVersion: 'v1' },
      reason: 'EnsuredLoadBalancer',
      message: 'Ensured load balancer [lb-public]',
      type: 'Normal',
      source: { component: 'service-controller' },
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:00Z',
      count: 1,
    };
    world.server.model.put('events', event, Date.now());
    const description = await printed('describe', 'svc', 'gw');
    expect(description).toMatch(/Annotations: +weight: 100/);
    expect(description).toMatch(
      /Normal +EnsuredLoadBalancer +\S+ +service-controller +Ensured load balancer \[lb-public\]/,
    );
    expect(await printed('get', 'events')).toMatch(/Normal +EnsuredLoadBalancer +service\/gw +Ensured load balancer/);
    expect(await printed('get', 'events', '--field-selector', 'type=Warning', '-o', 'name')).toBe('');
  });
});

describe('kubectl and the other kinds', () => {
  it('creates, edits and deletes a ConfigMap', async () => {
    expect(await printed('create', 'configmap', 'sluice-shop', '--from-literal=run=1')).toBe(
      'configmap/sluice-shop created',
    );
    await printed('patch', 'configmap', 'sluice-shop', '--type', 'merge', '-p', '{"data":{"run":null,"next":"2"}}');
    expect(await printed('get', 'configmap', 'sluice-shop', '-o', 'jsonpath={.data}')).toBe('{"next":"2"}');
    expect(await printed('delete', 'configmap', 'sluice-shop')).toContain('configmap "sluice-shop" deleted');
    expect(await refused('get', 'configmap', 'sluice-shop')).toContain('NotFound');
  });

  it('creates secrets and namespaces, and a namespace takes its contents along', async () => {
    expect((await world.kubectl(['create', 'namespace', 'gone'])).stdout).toBe('namespace/gone created\n');
    const made = await world.kubectl(['create', 'secret', 'generic', 's', '--from-literal=a=b', '-n', 'gone']);
    expect(made.stdout).toBe('secret/s created\n');
    expect((await world.kubectl(['get', 'secret', 's', '-n', 'gone', '-o', 'jsonpath={.data.a}'])).stdout).toBe('Yg==');
    expect((await world.kubectl(['delete', 'namespace', 'gone'])).code).toBe(0);
    expect((await world.kubectl(['get', 'secret', 's', '-n', 'gone'])).stderr).toContain('NotFound');
  });

  it('reads one VirtualService in all three versions and refuses a strategic merge patch', async () => {
    const route = {
      apiVersion: 'networking.istio.io/v1alpha3',
      kind: 'VirtualService',
      metadata: { name: 'shop', namespace: 'istio-system' },
      spec: { hosts: ['shop.example.com'], gateways: ['shop'] },
    };
    expect((await world.kubectl(['apply', '-f', '-'], JSON.stringify(route))).stdout).toContain('/shop created');
    for (const version of ['v1', 'v1beta1', 'v1alpha3']) {
      const name = `virtualservices.${version}.networking.istio.io`;
      expect(await printed('get', name, 'shop', '-o', 'jsonpath={.apiVersion}')).toBe(`networking.istio.io/${version}`);
    }
    expect(await printed('get', 'vs')).toMatch(/shop +\["shop"\] +\["shop.example.com"\]/);
    expect(await refused('patch', 'vs', 'shop', '-p', '{"spec":{"hosts":["b"]}}')).toMatch(
      /is not supported|UnsupportedMediaType/,
    );
  });

  it('answers auth can-i and explain', async () => {
    expect(await printed('auth', 'can-i', 'delete', 'svc')).toBe('yes');
    // The schemas are served as OpenAPI v3 only, which kubectl asks for since 1.27.
    if (minor < 27) expect(await refused('explain', 'svc')).toContain("couldn't find resource");
    else expect(await printed('explain', 'svc')).toMatch(/KIND: +Service/);
  });
});
