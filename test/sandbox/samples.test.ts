import { describe, expect, it } from 'vitest';
import { gatewaySamples, type Snapshot, subsetSamples } from '../../src/sandbox/samples.ts';

const counted = (requests: number, errors = 0) => ({ requests, errors });
const sides = (source: number, target: number) => ({ source: counted(source), target: counted(target) });
const empty: Snapshot = { sides: sides(0, 0), loadBalancers: {}, subsets: {} };
const instances = { source: 'old', target: 'new' };
const within = (now: Partial<Snapshot>, before: Partial<Snapshot> = {}) => ({
  fromS: 100,
  toS: 105,
  before: { ...empty, ...before },
  now: { ...empty, ...now },
});

describe('what gateways counted in an interval', () => {
  it('is one sample a side where there is one load balancer', () => {
    const now = { sides: sides(150, 30), loadBalancers: { 'lb-public': sides(150, 30) } };
    expect(gatewaySamples(within(now, { sides: sides(100, 10) }), instances)).toEqual([
      { side: 'source', instance: 'old', from: 100, seconds: 5, requests: 50, errors: 0 },
      { side: 'target', instance: 'new', from: 100, seconds: 5, requests: 20, errors: 0 },
    ]);
  });

  it('is one a side and load balancer where there are two, also for one without requests', () => {
    const now = { sides: sides(60, 20), loadBalancers: { 'lb-public': sides(40, 20), 'lb-internal': sides(20, 0) } };
    const samples = gatewaySamples(within(now), instances);
    expect(samples.map(({ side, loadBalancer, requests }) => [side, loadBalancer, requests])).toEqual([
      ['source', 'lb-public', 40],
      ['source', 'lb-internal', 20],
      ['target', 'lb-public', 20],
      ['target', 'lb-internal', 0],
    ]);
  });

  it('has one more for requests that told no load balancer, so that no request is missing', () => {
    const now = { sides: sides(100, 20), loadBalancers: { 'lb-public': sides(40, 20), 'lb-internal': sides(20, 0) } };
    const rest = gatewaySamples(within(now), instances).filter((sample) => !('loadBalancer' in sample));
    expect(rest).toMatchObject([{ side: 'source', requests: 40 }]);
  });

  it('tells open connections as they are now, and direct requests in the one that names no load balancer', () => {
    const ways = (requests: number, connections: number, direct?: number) => ({
      ...counted(requests),
      connections,
      ...(direct === undefined ? {} : { direct }),
    });
    const before = { sides: { source: ways(100, 9, 30), target: ways(0, 0, 0) } };
    const now = {
      sides: { source: ways(160, 5, 50), target: ways(0, 0, 0) },
      loadBalancers: {
        'lb-public': { source: ways(30, 2), target: ways(0, 0) },
        'lb-internal': { source: ways(5, 1), target: ways(0, 0) },
      },
    };
    const source = gatewaySamples(within(now, before), instances).filter(({ side }) => side === 'source');
    expect(source).toMatchObject([
      { loadBalancer: 'lb-public', requests: 30, connections: 2 },
      { loadBalancer: 'lb-internal', requests: 5, connections: 1 },
      { requests: 25, connections: 2, direct: 20 },
    ]);
    const alone = { ...now, loadBalancers: { 'lb-public': { source: ways(60, 5), target: ways(0, 0) } } };
    expect(gatewaySamples(within(alone, before), instances)).toMatchObject([
      { side: 'source', requests: 60, connections: 5, direct: 20 },
      { side: 'target', requests: 0, connections: 0, direct: 0 },
    ]);
  });

  it('is never below zero where a gateway was started again', () => {
    const samples = gatewaySamples(within({ sides: sides(5, 0) }, { sides: sides(100, 10) }), instances);
    expect(samples.map(({ requests }) => requests)).toEqual([0, 0]);
  });
});

describe('what subsets counted in an interval', () => {
  const moved = { virtualService: { namespace: 'default' }, host: 'reviews', from: ['v1', 'v2'], to: 'v3' };
  const reviews = { v1: counted(30, 1), v2: counted(20, 2), v3: counted(10, 5), v4: counted(99, 99) };

  it('is the sum of those that traffic is moved from, and the one that it is moved to', () => {
    const before = { subsets: { 'default/reviews': { v1: counted(10, 1) } } };
    expect(subsetSamples(within({ subsets: { 'default/reviews': reviews } }, before), [moved])).toEqual([
      { side: 'source', instance: 'default/reviews/v1+v2', from: 100, seconds: 5, requests: 40, errors: 2 },
      { side: 'target', instance: 'default/reviews/v3', from: 100, seconds: 5, requests: 10, errors: 5 },
    ]);
  });

  it('is found by the full name of the host, and looked up in the namespace of the VirtualService', () => {
    const requestsAt = (host: string, namespace: string) =>
      subsetSamples(within({ subsets: { 'default/reviews': reviews } }), [
        { ...moved, host, virtualService: { namespace } },
      ]).map(({ requests }) => requests);
    expect(requestsAt('reviews.default.svc.cluster.local', 'shop')).toEqual([50, 10]);
    expect(requestsAt('reviews', 'shop')).toEqual([0, 0]);
  });

  it('has a name that the API takes, however many subsets there are', () => {
    const from = Array.from({ length: 60 }, (_, n) => `version-${n}`);
    for (const { instance } of subsetSamples(within({}), [{ ...moved, from }])) {
      expect(instance).toMatch(/^[\x21-\x7e]{1,128}$/);
    }
  });
});
