import { describe, expect, test } from 'vitest';
import { describeLack, type Found, findPairs, type GatewayFound, type ServiceFound } from '../../src/cli/find-pair.ts';

const prefix = 'service.beta.kubernetes.io/alibaba-cloud-loadbalancer-';
const shared = { [`${prefix}id`]: 'lb-1', [`${prefix}vgroup-port`]: 'rsp-a:80,rsp-b:443' };

const aService = (service: Partial<ServiceFound> = {}): ServiceFound => ({
  cluster: 'ack',
  namespace: 'istio-system',
  name: 'istio-ingressgateway',
  annotations: shared,
  selector: { app: 'istio-ingressgateway', istio: 'ingressgateway' },
  ...service,
});
const aGateway = (gateway: Partial<GatewayFound> = {}): GatewayFound => ({
  mesh: 'asm',
  namespace: 'istio-system',
  name: 'ingressgateway-asm',
  serviceAnnotations: [shared],
  ...gateway,
});
const made = aService({ name: 'istio-ingressgateway-asm', selector: { app: 'istio-ingressgateway-asm' } });
const listener = {
  cluster: 'ack',
  namespace: 'default',
  name: 'gw',
  selector: { istio: 'ingressgateway' },
  hosts: ['*'],
};
const routes = {
  cluster: 'ack',
  namespace: 'default',
  gateways: ['gw'],
  hosts: ['*.example.com', 'shop.example.com'],
  exactPaths: ['/productpage', '/login'],
};

const found = (part: Partial<Found> = {}): Found => ({
  services: [aService(), made],
  gateways: [aGateway()],
  listeners: [],
  virtualServices: [],
  ...part,
});

describe('a pair of gateways', () => {
  test('names the same CLB and a common vServer group; the gateway’s own Service is no source', () => {
    expect(findPairs(found())).toEqual([
      { source: aService(), target: aGateway(), loadBalancer: 'lb-1', groups: ['rsp-a:80', 'rsp-b:443'], probe: null },
    ]);
  });

  test('may be written in the legacy spelling', () => {
    const legacy = {
      'service.beta.kubernetes.io/alicloud-loadbalancer-id': 'lb-1',
      'service.beta.kubernetes.io/alicloud-loadbalancer-vgroup-port': 'rsp-a:80',
    };
    expect(findPairs(found({ gateways: [aGateway({ serviceAnnotations: [legacy] })] }))[0]?.groups).toEqual([
      'rsp-a:80',
    ]);
  });

  test('may be made by an override of one cluster', () => {
    expect(findPairs(found({ gateways: [aGateway({ serviceAnnotations: [{}, shared] })] }))).toHaveLength(1);
  });

  test.each([
    ['another CLB', { ...shared, [`${prefix}id`]: 'lb-2' }],
    ['other groups', { ...shared, [`${prefix}vgroup-port`]: 'rsp-x:80' }],
    ['a group behind another port', { ...shared, [`${prefix}vgroup-port`]: 'rsp-a:8080' }],
    [
      'a space before the group, which makes it another one',
      { ...shared, [`${prefix}vgroup-port`]: 'rsp-x:80, rsp-b:443' },
    ],
    ['no CLB', {}],
  ])('is none with %s', (_, annotations) => {
    const without = found({ gateways: [aGateway({ serviceAnnotations: [annotations] })] });
    expect(findPairs(without)).toEqual([]);
    expect(describeLack(without).join('\n')).toMatch(
      /Service istio-system\/istio-ingressgateway: lb-1 with rsp-a:80,rsp-b:443/,
    );
  });

  test('is not made of a further Service of the target’s pods', () => {
    const second = aService({ name: 'second', selector: made.selector });
    expect(findPairs(found({ services: [second, made] }))).toEqual([]);
  });

  test('that is missing is explained by what is there', () => {
    expect(describeLack(found({ services: [], gateways: [] }))).toEqual([
      'No Service of type LoadBalancer was found that is not an IstioGateway’s own.',
      'No IstioGateway was found.',
      expect.stringContaining('A pair names the same CLB'),
    ]);
  });
});

describe('its probe', () => {
  const probe = (part: Partial<Found>) => findPairs(found(part))[0]?.probe;

  test('asks the first concrete host and the first exact path bound to the source', () => {
    expect(probe({ listeners: [listener], virtualServices: [routes] })).toEqual({
      host: 'shop.example.com',
      path: '/productpage',
    });
  });

  test('takes the Gateway’s host where no route names one', () => {
    const hosts = ['*/*.example.com', 'default/shop.example.com'];
    expect(probe({ listeners: [{ ...listener, hosts }] })).toEqual({ host: 'shop.example.com', path: '/' });
    expect(
      probe({ listeners: [{ ...listener, hosts }], virtualServices: [{ ...routes, hosts: ['*'], exactPaths: [] }] }),
    ).toEqual({ host: 'shop.example.com', path: '/' });
  });

  test.each([
    ['bound to other pods', { listeners: [{ ...listener, selector: { istio: 'other' } }] }],
    ['bound to none', { listeners: [{ ...listener, selector: {} }] }],
    ['in another cluster', { listeners: [{ ...listener, cluster: 'ack-2' }] }],
    [
      'with routes of another namespace',
      { listeners: [listener], virtualServices: [{ ...routes, namespace: 'other' }] },
    ],
  ])('does not come from a Gateway %s', (_, part) => {
    expect(probe({ virtualServices: [routes], ...part })).toBeNull();
  });

  test('comes from a route that names the Gateway with its namespace', () => {
    const elsewhere = { ...routes, namespace: 'other', gateways: ['default/gw'] };
    expect(probe({ listeners: [listener], virtualServices: [elsewhere] })?.host).toBe('shop.example.com');
  });
});
