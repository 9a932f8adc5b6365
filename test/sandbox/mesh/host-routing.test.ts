import { describe, expect, it } from 'vitest';
import { type MeshState, routingOf } from '../../../src/sandbox/mesh/host-routing.ts';
import type { IstioObject } from '../../../src/sandbox/mesh/istio-objects.ts';
import { type HostRouting, type MeshCall, pick } from '../../../src/sandbox/mesh/subset-routing.ts';
import { seededRandom } from '../../../src/sandbox/random.ts';

const reviews = { namespace: 'default', name: 'reviews' };
const plain: MeshCall = { path: '/reviews/0', headers: {} };

function virtualService(spec: object, metadata: object = {}): IstioObject {
  return { metadata: { name: 'reviews', namespace: 'default', ...metadata }, spec: { hosts: ['reviews'], ...spec } };
}

function destinationRule(subsets: readonly string[], spec: object = {}): IstioObject {
  const named = subsets.map((name) => ({ name, labels: { version: name } }));
  return { metadata: { name: 'reviews', namespace: 'default' }, spec: { host: 'reviews', subsets: named, ...spec } };
}

const to = (subset?: string, weight?: number, host = 'reviews') => ({
  destination: { host, ...(subset === undefined ? {} : { subset }) },
  ...(weight === undefined ? {} : { weight }),
});

const pods = (...versions: readonly string[]) => versions.map((version) => ({ app: 'reviews', version }));

function routing(state: Partial<MeshState> = {}): HostRouting {
  return routingOf(reviews, {
    virtualServices: [],
    destinationRules: [destinationRule(['v1', 'v2', 'v3'])],
    endpoints: pods('v1', 'v2', 'v3'),
    ...state,
  });
}

/** Where 6,000 calls go, in per cent by subset; one that ends as an error of its subset has a `!`. */
function split(routes: HostRouting, call: MeshCall = plain): Readonly<Record<string, number>> {
  const random = seededRandom(7);
  const counted: Record<string, number> = {};
  for (let call_ = 0; call_ < 6000; call_ += 1) {
    const choice = pick(routes, call, random.next());
    const name = choice === null ? 'nowhere' : `${choice.subset ?? 'another'}${choice.isDead ? '!' : ''}`;
    counted[name] = (counted[name] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(counted).map(([name, calls]) => [name, Math.round(calls / 60)]));
}

/** Within three points: some five times what chance does to 6,000 calls. */
function expectSplit(routes: HostRouting, expected: Readonly<Record<string, number>>, call: MeshCall = plain): void {
  const found = split(routes, call);
  expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, share] of Object.entries(expected)) expect(Math.abs((found[name] ?? 0) - share)).toBeLessThan(3);
}

const only = (spec: object, metadata: object = {}) => routing({ virtualServices: [virtualService(spec, metadata)] });

describe('calls to a host without a VirtualService', () => {
  it('go to every ready endpoint alike, whatever subset it is of', () => {
    expectSplit(routing(), { v1: 33, v2: 33, v3: 33 });
    expectSplit(routing({ endpoints: pods('v1', 'v1', 'v1', 'v3') }), { v1: 75, v3: 25 });
  });

  it('count for no subset where none has the endpoint, and fail where there is no endpoint', () => {
    expectSplit(routing({ endpoints: pods('v1', 'v4') }), { v1: 50, another: 50 });
    expectSplit(routing({ endpoints: [] }), { 'another!': 100 });
  });

  it('count for the first of several subsets that have an endpoint', () => {
    const all = destinationRule(['v1'], {
      subsets: [
        { name: 'all', labels: {} },
        { name: 'v1', labels: { version: 'v1' } },
      ],
    });
    expectSplit(routing({ destinationRules: [all] }), { all: 100 });
  });
});

describe('calls to a host with a VirtualService', () => {
  it.each([
    [[to('v1', 90), to('v3', 10)], { v1: 90, v3: 10 }],
    [[to('v1', 1), to('v2', 1), to('v3', 2)], { v1: 25, v2: 25, v3: 50 }],
    [[to('v1', 300), to('v2', 0), to('v3', 100)], { v1: 75, v3: 25 }],
    [[to('v1'), to('v3', 5)], { v3: 100 }],
    [[to('v3')], { v3: 100 }],
    [[to('v3', 0)], { v3: 100 }],
  ])('go by the weights, whatever their sum is: %j', (route, expected) => {
    expectSplit(only({ http: [{ route }] }), expected);
  });

  it('go to all endpoints alike with the part of the weights that names no subset', () => {
    expectSplit(only({ http: [{ route: [to('v1', 40), to(undefined, 60)] }] }), { v1: 60, v2: 20, v3: 20 });
  });

  it('may leave for another host, and count for no subset here', () => {
    expectSplit(only({ http: [{ route: [to('v1', 50), to('v1', 50, 'ratings')] }] }), { v1: 50, another: 50 });
  });

  it.each([
    ['that is not defined', { destinationRules: [destinationRule(['v1'])] }],
    [
      'of another host’s DestinationRule',
      { destinationRules: [destinationRule(['v1']), destinationRule(['v3'], { host: 'ratings' })] },
    ],
    ['without a ready endpoint', { endpoints: pods('v1', 'v2') }],
  ])('fail with the share of a subset %s', (_, state) => {
    const virtualServices = [virtualService({ http: [{ route: [to('v1', 80), to('v3', 20)] }] })];
    expectSplit(routing({ ...state, virtualServices }), { v1: 80, 'v3!': 20 });
  });

  it('find nothing where the weights are all zero or no route matches', () => {
    expectSplit(only({ http: [{ route: [to('v1', 0), to('v3', 0)] }] }), { nowhere: 100 });
    expectSplit(only({ http: [{ match: [{ uri: { exact: '/other' } }], route: [to('v1')] }] }), { nowhere: 100 });
    expectSplit(only({ tcp: [] }), { nowhere: 100 });
  });
});

describe('which VirtualService has a host', () => {
  const http = [{ route: [to('v3')] }];
  const untouched = { v1: 33, v2: 33, v3: 33 };

  it.each([
    ['by its short name', { http }, {}],
    ['by its full name', { hosts: ['reviews.default.svc.cluster.local'], http }, {}],
    ['among others', { hosts: ['ratings', 'reviews'], http }, {}],
    [
      'by its full name from another namespace',
      {
        hosts: ['reviews.default.svc.cluster.local'],
        http: [{ route: [to('v3', 1, 'reviews.default.svc.cluster.local')] }],
      },
      { namespace: 'shop' },
    ],
    ['where the mesh is named beside a gateway', { gateways: ['bookinfo-gateway', 'mesh'], http }, {}],
  ])('one that names it %s', (_, spec, metadata) => {
    expectSplit(only(spec, metadata), { v3: 100 });
  });

  it.each([
    ['by its short name from another namespace', { http }, { namespace: 'shop' }],
    ['for a gateway alone', { gateways: ['bookinfo-gateway'], http }, {}],
    ['of another name', { hosts: ['ratings'], http }, {}],
    ['with a form that Istio would refuse', { http: 'v3' }, {}],
    ['with a weight below zero', { http: [{ route: [to('v3', -1), to('v1', 2)] }] }, {}],
  ])('not one that names it %s', (_, spec, metadata) => {
    expectSplit(only(spec, metadata), untouched);
  });

  it('the older of two', () => {
    const at = (minute: number) => ({ name: `made-${minute}`, creationTimestamp: `2026-01-01T00:0${minute}:00Z` });
    const younger = virtualService({ http: [{ route: [to('v1')] }] }, at(2));
    const older = virtualService({ http: [{ route: [to('v2')] }] }, at(1));
    expectSplit(routing({ virtualServices: [younger, older] }), { v2: 100 });
  });
});

describe('the routes of a VirtualService', () => {
  const last = { route: [to('v1')] };
  const first = (match: unknown) => only({ http: [{ match, route: [to('v3')] }, last] });
  const withUser = (user: string): MeshCall => ({ path: '/reviews/0', headers: { 'end-user': user } });

  it.each([
    ['no condition', undefined, plain],
    ['an empty list of conditions', [], plain],
    ['the exact path', [{ uri: { exact: '/reviews/0' } }], plain],
    ['a prefix of the path', [{ name: 'all', uri: { prefix: '/reviews' } }], plain],
    ['the exact value of a header', [{ headers: { 'End-User': { exact: 'jason' } } }], withUser('jason')],
    [
      'one of several conditions',
      [{ uri: { exact: '/no' } }, { headers: { 'end-user': { exact: 'jason' } } }],
      withUser('jason'),
    ],
    ['one condition beside one that cannot be judged', [{ uri: { regex: '.*' } }, { uri: { prefix: '/' } }], plain],
  ])('the first has the call with %s', (_, match, call) => {
    expectSplit(first(match), { v3: 100 }, call);
  });

  it.each([
    ['another path', [{ uri: { exact: '/reviews' } }], plain],
    ['another value of the header', [{ headers: { 'end-user': { exact: 'jason' } } }], withUser('kate')],
    ['no such header', [{ headers: { 'end-user': { exact: 'jason' } } }], plain],
    ['half of a condition', [{ uri: { prefix: '/' }, headers: { 'end-user': { exact: 'jason' } } }], plain],
    ['a pattern, which cannot be judged here', [{ uri: { regex: '.*' } }], plain],
    [
      'a header’s prefix, which cannot be judged here',
      [{ headers: { 'end-user': { prefix: 'j' } } }],
      withUser('jason'),
    ],
    ['labels of the caller, which cannot be judged here', [{ sourceLabels: { app: 'productpage' } }], plain],
  ])('the next has the call with %s', (_, match, call) => {
    expectSplit(first(match), { v1: 100 }, call);
  });
});
