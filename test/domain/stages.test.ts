import { describe, expect, it } from 'vitest';
import type { Spec } from '../../src/domain/spec.ts';
import { askedOf, isMoving, loadBalancerOf, stagesOf } from '../../src/domain/stages.ts';
import { anInternalRoute, aRoute, aSpec, aStep } from '../fixtures/builders.ts';

const routes = [aRoute(), anInternalRoute()];
const steps = [aStep(10), aStep(50, { gate: { expiresInMs: 60_000, onExpiry: 'hold' } }), aStep(90)];
const stages = (spec: Partial<Spec>) => stagesOf(aSpec({ routes, steps, ...spec }));
const onPublic = { loadBalancer: 'lb-public', group: 'rsp-pub-80' };
const onInternal = { loadBalancer: 'lb-internal', group: 'rsp-int-80' };

describe('the stages of a migration', () => {
  it('are its steps where the routes move together: each asks the same of every route', () => {
    expect(stages({ routeOrder: 'together' }).map(({ route, shares }) => ({ route, shares }))).toEqual([
      { route: null, shares: [10, 10] },
      { route: null, shares: [50, 50] },
      { route: null, shares: [90, 90] },
    ]);
  });

  it('are the steps of one route after the other: who is through stays, who is to come gets nothing', () => {
    expect(stages({ routeOrder: 'sequential' }).map(({ route, shares }) => ({ route, shares }))).toEqual([
      { route: 0, shares: [10, 0] },
      { route: 0, shares: [50, 0] },
      { route: 0, shares: [90, 0] },
      { route: 1, shares: [90, 10] },
      { route: 1, shares: [90, 50] },
      { route: 1, shares: [90, 90] },
    ]);
  });

  it('keep bake and gate of their step', () => {
    const sequential = stages({ routeOrder: 'sequential' });
    expect(sequential.map(({ step }) => step)).toEqual([...steps, ...steps]);
  });

  it('are the same in both orders where there is one route', () => {
    expect(stages({ routes: [aRoute()], routeOrder: 'sequential' })).toEqual(
      stages({ routes: [aRoute()], routeOrder: 'together' }),
    );
  });

  it('say what is asked of a port, and whether they move it', () => {
    const [, , , stage] = stages({ routeOrder: 'sequential' });
    if (stage === undefined) throw new Error('there are six');
    expect([onPublic, onInternal].map((port) => askedOf(stage, routes, port))).toEqual([90, 10]);
    expect([onPublic, onInternal].map((port) => isMoving(stage, routes, port))).toEqual([false, true]);
    expect(loadBalancerOf(stage, routes)).toBe('lb-internal');
  });

  it('tell two routes on one load balancer apart by their groups', () => {
    const twins = [aRoute(), { ...anInternalRoute(), loadBalancer: 'lb-public' }];
    const [stage] = stages({ routes: twins, routeOrder: 'sequential' });
    if (stage === undefined) throw new Error('there are six');
    const ports = [onPublic, { ...onInternal, loadBalancer: 'lb-public' }];
    expect(ports.map((port) => askedOf(stage, twins, port))).toEqual([10, 0]);
  });
});
