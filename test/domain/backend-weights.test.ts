import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BackendMode, backendWeights, weightSumOf } from '../../src/domain/backend-weights.ts';

const pods = (count: number) => Array.from({ length: count }, (_, index) => ({ address: `${index}`, pods: 1 }));
const nodes = (...podsOnNode: number[]) => podsOnNode.map((count, index) => ({ address: `${index}`, pods: count }));
const sum = (weights: readonly number[]) => weights.reduce((all, one) => all + one, 0);

describe('the cloud controller spreads a weight', () => {
  it('over pods by integer division', () => {
    expect(backendWeights(90, 'eni', pods(20))).toEqual(Array(20).fill(4));
  });
  it('with a floor of 1, so that 10 over 20 nodes weighs 20', () => {
    expect(sum(backendWeights(10, 'cluster', pods(20)))).toBe(20);
  });
  it('to nobody when it is 0', () => {
    expect(backendWeights(0, 'local', nodes(2, 1))).toEqual([0, 0]);
  });
  it('by pods on the node in Local mode', () => {
    expect(backendWeights(10, 'local', nodes(2, 1, 1))).toEqual([5, 2, 2]);
    expect(sum(backendWeights(60, 'local', nodes(1, 1, 1, 1, 1, 1, 1)))).toBe(56);
  });
  it('without a minimum to a pod on a virtual node among Local nodes', () => {
    expect(
      backendWeights(2, 'local', [
        { address: 'n', pods: 3 },
        { address: 'e', pods: 1, isEci: true },
      ]),
    ).toEqual([1, 0]);
  });
  it('to the same sum, whether each is asked for or only their sum', () => {
    const backend = fc.record({ address: fc.constant('b'), pods: fc.integer({ min: 1, max: 9 }), isEci: fc.boolean() });
    fc.assert(
      fc.property(
        fc.option(fc.integer({ min: 0, max: 100 })),
        fc.constantFrom<BackendMode>('eni', 'cluster', 'local'),
        fc.array(backend, { maxLength: 60 }),
        (weight, mode, backends) => {
          expect(weightSumOf(weight, mode, backends)).toBe(sum(backendWeights(weight, mode, backends)));
        },
      ),
    );
  });
  it('as 100 each, or as the number of pods in Local mode, where the annotation is absent', () => {
    expect(backendWeights(null, 'eni', pods(2))).toEqual([100, 100]);
    expect(backendWeights(null, 'local', nodes(2, 1))).toEqual([2, 1]);
  });
});
