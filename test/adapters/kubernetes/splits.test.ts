import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fenceKey } from '../../../src/domain/annotations.ts';
import { podsOfSubset } from '../../../src/domain/subset-route.ts';
import { FencedError, TerminalError } from '../../../src/ports/errors.ts';
import { aSubsetRoute } from '../../fixtures/builders.ts';
import { startWorld, type World } from './world.ts';

const namespace = 'default';
const route = aSubsetRoute();
let world: World;

beforeEach(async () => {
  world = await startWorld();
  put('ack', 'namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  put('ack', 'services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'reviews', namespace },
    spec: { selector: { app: 'reviews' }, ports: [{ name: 'http', port: 9080, targetPort: 9080 }] },
  });
  for (const version of ['v1', 'v2', 'v3']) putPod(version);
  putSlice(['v1', 'v2', 'v3']);
  putRule();
});

afterEach(() => world.stop());

function put(
  server: 'ack' | 'asm',
  plural: 'namespaces' | 'services' | 'pods' | 'endpointslices' | 'destinationrules' | 'virtualservices',
  object: object,
): void {
  world[server].model.put(plural, object as never, Date.now());
}

function putPod(version: string): void {
  const metadata = { name: `reviews-${version}`, namespace, labels: { app: 'reviews', version } };
  put('ack', 'pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { containers: [{ name: 'reviews', image: 'reviews' }] },
  });
}

function putSlice(ready: readonly string[]): void {
  const endpoints = ['v1', 'v2', 'v3'].map((version, index) => ({
    addresses: [`10.0.3.${index + 1}`],
    conditions: { ready: ready.includes(version), serving: true, terminating: false },
    targetRef: { kind: 'Pod', name: `reviews-${version}`, namespace },
  }));
  put('ack', 'endpointslices', {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'reviews-1', namespace, labels: { 'kubernetes.io/service-name': 'reviews' } },
    addressType: 'IPv4',
    endpoints,
    ports: [{ name: 'http', port: 9080, protocol: 'TCP' }],
  });
}

function putRule(versions: readonly string[] = ['v1', 'v2', 'v3'], host = 'reviews'): void {
  put('asm', 'destinationrules', {
    apiVersion: 'networking.istio.io/v1beta1',
    kind: 'DestinationRule',
    metadata: { name: 'reviews', namespace },
    spec: { host, subsets: versions.map((name) => ({ name, labels: { version: name } })) },
  });
}

function putVirtualService(http: readonly object[]): void {
  put('asm', 'virtualservices', {
    apiVersion: 'networking.istio.io/v1beta1',
    kind: 'VirtualService',
    metadata: { name: 'reviews', namespace, labels: { team: 'books' } },
    spec: { hosts: ['reviews'], http },
  });
}

const virtualService = () => structuredClone(world.asm.model.get('virtualservices', { namespace, name: 'reviews' }));
const to = (subset: string, weight?: number, more: object = {}) => ({
  destination: { host: 'reviews', subset },
  ...(weight === undefined ? {} : { weight }),
  ...more,
});

describe('the subsets of a host', () => {
  it('are read with their ready pods, which the labels of the DestinationRule tell apart', async () => {
    putSlice(['v1', 'v3']);
    const { carrier, subsets } = await world.router.readSplit(route);
    expect(carrier).toBeNull();
    expect(subsets.map((subset) => [subset.name, subset.isDefined, podsOfSubset(subset)])).toEqual([
      ['v1', true, 1],
      ['v2', true, 0],
      ['v3', true, 1],
    ]);
  });

  it('are undefined where no rule for the host names them', async () => {
    putRule(['v1', 'v2', 'v3'], 'ratings');
    const { subsets } = await world.router.readSplit(route);
    expect(subsets.map(({ isDefined }) => isDefined)).toEqual([false, false, false]);
  });

  it('cannot be counted where a cluster gives no answer, and the weights are read all the same', async () => {
    putVirtualService([{ route: [to('v1', 100)] }]);
    world.faults.put([{ where: 'ack', kind: 'error', status: 503, rate: 1 }]);
    const { carrier, subsets } = await world.router.readSplit(route);
    expect(carrier?.split).toEqual({ v1: 100 });
    expect(subsets.map(({ services }) => services)).toEqual([null, null, null]);
  });
});

describe('the split of a host', () => {
  it('is made in a VirtualService of its own where there is none', async () => {
    await world.router.writeSplit(route, { v1: 34, v2: 33, v3: 33 }, 7);
    expect(virtualService()).toMatchObject({
      metadata: { annotations: { [fenceKey]: '7' } },
      spec: { hosts: ['reviews'], http: [{ route: [to('v1', 34), to('v2', 33), to('v3', 33)] }] },
    });
    expect((await world.router.readSplit(route)).carrier).toMatchObject({
      split: { v1: 34, v2: 33, v3: 33 },
      fence: 7,
      writtenBy: 'sluice',
    });
  });

  it('is written to the route that takes all that is left; every other route stays as it is', async () => {
    const jason = { match: [{ headers: { 'end-user': { exact: 'jason' } } }], route: [to('v2')], timeout: '3s' };
    const other = { match: [{ uri: { prefix: '/ratings' } }], route: [{ destination: { host: 'ratings' } }] };
    const headers = { request: { set: { 'x-book': '1' } } };
    putVirtualService([jason, other, { route: [to('v1', 100, { headers })], retries: { attempts: 3 } }]);
    expect((await world.router.readSplit(route)).carrier?.split).toEqual({ v1: 100 });
    await world.router.writeSplit(route, { v1: 50, v2: 0, v3: 50 }, 3);
    const { spec, metadata } = virtualService() as unknown as { spec: { http: unknown[] }; metadata: object };
    expect(spec.http).toEqual([
      jason,
      other,
      {
        route: [to('v1', 50, { headers }), to('v2', 0, { headers }), to('v3', 50, { headers })],
        retries: { attempts: 3 },
      },
    ]);
    expect(metadata).toMatchObject({ labels: { team: 'books' } });
  });

  it('is the whole host where a route names no subset, and becomes explicit with the first write', async () => {
    putVirtualService([
      { route: [{ destination: { host: 'reviews.default.svc.cluster.local', port: { number: 9080 } } }] },
    ]);
    expect((await world.router.readSplit(route)).carrier).toMatchObject({ split: null, problem: null });
    await world.router.writeSplit(route, { v1: 50, v3: 50 }, 3);
    const destination = { host: 'reviews.default.svc.cluster.local', port: { number: 9080 } };
    expect(virtualService()).toMatchObject({
      spec: {
        http: [
          {
            route: [
              { destination: { ...destination, subset: 'v1' }, weight: 50 },
              { destination: { ...destination, subset: 'v3' }, weight: 50 },
            ],
          },
        ],
      },
    });
  });

  it.each([
    [
      'no route leads to the host',
      [{ route: [{ destination: { host: 'ratings' } }] }],
      'no http route leads to reviews',
    ],
    [
      'each of several routes has a match',
      [
        { match: [{ uri: { prefix: '/a' } }], route: [to('v1')] },
        { match: [{ uri: { prefix: '/b' } }], route: [to('v2')] },
      ],
      '2 http routes lead to reviews, each with a match',
    ],
    [
      'the route leads to other hosts as well',
      [{ route: [to('v1', 50), { destination: { host: 'ratings' }, weight: 50 }] }],
      'http route 0 leads to other hosts as well',
    ],
    [
      'the route leads to a subset and to the host as a whole',
      [{ route: [to('v1', 50), { destination: { host: 'reviews' }, weight: 50 }] }],
      'http route 0 leads to subsets of reviews and to the host as a whole',
    ],
  ])('cannot be written where %s', async (_, http, problem) => {
    putVirtualService(http);
    expect((await world.router.readSplit(route)).carrier).toMatchObject({ split: null, problem });
    await expect(world.router.writeSplit(route, { v1: 100 }, 3)).rejects.toThrow(problem);
  });

  it('is never written by a lower revision, nor with weights that send nothing anywhere', async () => {
    await world.router.writeSplit(route, { v1: 100 }, 9);
    await expect(world.router.writeSplit(route, { v1: 100 }, 8)).rejects.toThrow(FencedError);
    for (const split of [{ v1: 0 }, { v1: -1, v3: 101 }, { v1: 12.5, v3: 87.5 }]) {
      await expect(world.router.writeSplit(route, split, 10)).rejects.toThrow(TerminalError);
    }
    expect((await world.router.readSplit(route)).carrier).toMatchObject({ split: { v1: 100 }, fence: 9 });
  });
});
