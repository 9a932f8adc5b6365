import { describe, expect, it } from 'vitest';
import { isAllOnTarget, isSameWeights, type Truth } from '../../src/cli/demo/truth.ts';
import type { BackendReading } from '../../src/domain/observation.ts';

const services = { source: 'istio-ingressgateway', target: 'istio-ingressgateway-asm' } as const;

function aBackend(side: 'source' | 'target', weight: number, last = 1): BackendReading {
  return {
    serverId: `eni-${side}-${last}`,
    serverIp: `10.0.0.${side === 'source' ? last : 100 + last}`,
    port: 8080,
    weight,
    type: 'eni',
    description: `k8s/8080/${services[side]}/istio-system/c1`,
    health: 'normal',
  };
}

/** Two groups, each with these weights. */
function aTruth(source: readonly number[], target: readonly number[]): Record<'http' | 'https', BackendReading[]> {
  const group = () => [
    ...source.map((weight, index) => aBackend('source', weight, index + 1)),
    ...target.map((weight, index) => aBackend('target', weight, index + 1)),
  ];
  return { http: group(), https: group() };
}

describe('all traffic is on the target', () => {
  it('when in every group the source weighs nothing and the target something', () => {
    expect(isAllOnTarget(aTruth([0, 0], [33, 33]))).toBe(true);
  });

  it.each<[string, Truth]>([
    ['one backend of the source still has weight', aTruth([0, 1], [33, 33])],
    ['the target has no weight either', aTruth([0, 0], [0, 0])],
    ['the source still has everything', aTruth([50, 50], [0, 0])],
    ['one of the groups was left behind', { ...aTruth([0], [33]), https: aTruth([33], [0]).https }],
    ['one of the groups lost its target', { ...aTruth([0], [33]), https: [aBackend('source', 0)] }],
    ['one of the groups has no backends', { ...aTruth([0], [33]), https: [] }],
    ['the CLB told of no group', {}],
  ])('but not when %s', (_, truth) => {
    expect(isAllOnTarget(truth)).toBe(false);
  });
});

describe('the baseline is back', () => {
  const before = aTruth([33, 33], [0, 0]);

  it('when every backend has the weight it had, in whatever order the CLB tells them', () => {
    const after = aTruth([33, 33], [0, 0]);
    expect(isSameWeights(before, { https: after.https.reverse(), http: after.http })).toBe(true);
  });

  it.each<[string, Truth]>([
    ['one backend has another weight', { ...before, https: aTruth([33, 32], [0, 0]).https }],
    ['two backends have each other’s weights', aTruth([33, 0], [33, 0])],
    ['the target kept a share', aTruth([33, 33], [1, 0])],
    ['a backend is missing', aTruth([33], [0, 0])],
    ['a group is missing', { http: before.http }],
    ['a backend is another machine', { ...before, http: before.http.map((one) => ({ ...one, serverIp: '10.9.9.9' })) }],
    ['the CLB told of no group', {}],
  ])('but not when %s', (_, after) => {
    expect(isSameWeights(before, after)).toBe(false);
  });

  it('is never said of nothing', () => {
    expect(isSameWeights({}, {})).toBe(false);
  });
});
