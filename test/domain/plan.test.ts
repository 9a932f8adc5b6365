import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Backend, type BackendMode, backendWeights } from '../../src/domain/backend-weights.ts';
import type { RouteObservation, ServiceReading } from '../../src/domain/observation.ts';
import { isReachable, type Plan, type PortPlan, planOf } from '../../src/domain/plan.ts';
import { shareOf } from '../../src/domain/share.ts';
import { type Side, type Spec, sides } from '../../src/domain/spec.ts';
import { opensAt } from '../../src/domain/window.ts';
import { anObservation, aRoute, aSpec, aStep } from '../fixtures/builders.ts';

interface SideSetup {
  readonly mode?: BackendMode;
  readonly backends: readonly Backend[];
  readonly weight?: string | null;
  /** Names of the nodes that the ready pods run on. */
  readonly podsOn?: readonly string[];
}

const nodes = (count: number): readonly Backend[] =>
  Array.from({ length: count }, (_, index) => ({ address: `i-${index}`, pods: 1 }));
const local = (...pods: readonly number[]): readonly Backend[] =>
  pods.map((count, index) => ({ address: `i-${index}`, pods: count }));
const sum = (weights: readonly number[]) => weights.reduce((all, one) => all + one, 0);

/** One route as the APIs tell it, whatever stands at its load balancer yet. */
function aLook(source: SideSetup, target: SideSetup): RouteObservation {
  const route = aRoute({
    ports: [
      { port: 80, group: 'rsp-pub-80' },
      { port: 443, group: 'rsp-pub-443' },
    ],
  });
  const seen = anObservation(
    { weight: source.weight === undefined ? '100' : source.weight, pods: 0 },
    { weight: target.weight ?? '0', pods: 0 },
    route,
  );
  const on = (service: ServiceReading, { mode = 'cluster', backends, podsOn }: SideSetup): ServiceReading => ({
    ...service,
    mode,
    backends,
    readyPods: podsOn?.length ?? sum(backends.map(({ pods }) => pods)),
    endpoints: (podsOn ?? []).map((node, index) => ({ address: `10.9.0.${index}`, node, targetPorts: { 80: 8080 } })),
  });
  return {
    ...seen,
    source: { ...seen.source, services: seen.source.services.map((service) => on(service, source)) },
    target: { ...seen.target, services: seen.target.services.map((service) => on(service, target)) },
  };
}

function plan(look: RouteObservation, asked: readonly number[], more: Partial<Spec> = {}, rate: number | null = null) {
  const spec = aSpec({ steps: asked.map((share) => aStep(share)), ...more });
  return planOf({
    spec,
    splits: [],
    observations: [look],
    requestsPerSecond: rate,
    requestsPerSecondOf: [],
    writeMs: null,
    atMs: Date.parse('2026-11-23T01:00:00Z'),
  });
}

const portsOf = ({ routes }: Plan): readonly PortPlan[] => routes.flatMap(({ ports }) => ports);
function stepsOf(result: Plan) {
  const [first] = portsOf(result);
  if (first === undefined) throw new Error('no port is planned');
  return first.steps;
}

describe('a plan', () => {
  it.each([
    [3, [10, 50, 100], [10, 50, 100], 2.94],
    [20, [10, 25, 50], [100 / 6, 25, 50], 16.67],
    [50, [10, 50, 90], [100 / 3, 50, 200 / 3], 33.33],
  ])('on %i nodes a side says what each step will really be', (count, asked, achieved, smallest) => {
    const result = plan(aLook({ backends: nodes(count) }, { backends: nodes(count) }), asked);
    for (const port of portsOf(result)) {
      expect(port).toMatchObject({ source: { backends: count, mode: 'cluster' }, target: { backends: count } });
      expect(port.smallestShare).toBeCloseTo(smallest, 2);
      port.steps.forEach((step, index) => {
        expect(step.achieved).toBeCloseTo(achieved[index] ?? Number.NaN, 9);
        expect(step.reachable).toBe(Math.abs((achieved[index] ?? 0) - step.asked) <= 2);
      });
    }
  });

  it('shows every port of every route, in the order of the spec', () => {
    const look = aLook({ backends: nodes(3) }, { backends: nodes(3) });
    expect(portsOf(plan(look, [10])).map(({ port, group }) => `${port} ${group}`)).toEqual([
      '80 rsp-pub-80',
      '443 rsp-pub-443',
    ]);
  });

  it('writes the target first and keeps below the share that is asked', () => {
    const [step] = stepsOf(plan(aLook({ backends: nodes(3) }, { backends: nodes(3) }), [10]));
    expect(step).toMatchObject({
      weights: { source: 83, target: 11 },
      backendWeights: { source: [27, 27, 27], target: [3, 3, 3] },
      writes: ['target', 'source'],
      between: { first: 'target' },
    });
    expect(step?.between?.share).toBeCloseTo((9 / (99 + 9)) * 100, 9);
  });

  it('raises the source first where both weights rise', () => {
    const [, step] = stepsOf(plan(aLook({ backends: nodes(20) }, { backends: nodes(20) }), [25, 50]));
    expect(step).toMatchObject({ weights: { source: 100, target: 100 }, writes: ['source', 'target'] });
    expect(step?.between?.share).toBeCloseTo((20 / (100 + 20)) * 100, 9);
  });

  it('raises a Local source without annotation before the target, which would get most of the traffic', () => {
    const look = aLook(
      { mode: 'local', backends: local(1, 1), weight: null },
      { mode: 'local', backends: local(1, 1) },
    );
    const [step] = stepsOf(plan(look, [10]));
    expect(step).toMatchObject({
      writes: ['source', 'target'],
      between: { first: 'source', share: 0 },
      reachable: true,
    });
  });

  it('makes one write where one is enough', () => {
    const look = aLook({ backends: nodes(3), weight: '83' }, { backends: nodes(3) });
    expect(stepsOf(plan(look, [10]))[0]).toMatchObject({ writes: ['target'], between: null });
  });

  it('starts from the annotations, not from backends that the controllers have still to attach', () => {
    const look = aLook({ backends: nodes(3) }, { backends: nodes(3) });
    expect(look.groups.every(({ backends }) => backends.length === 0)).toBe(true);
    expect(stepsOf(plan(look, [10]))[0]?.backendWeights.source).toHaveLength(3);
  });

  it('reaches nothing where a side has no backends, and says so', () => {
    const result = plan(aLook({ backends: nodes(3) }, { backends: [] }), [10]);
    expect(isReachable(result)).toBe(false);
    expect(portsOf(result)[0]).toMatchObject({
      smallestShare: null,
      steps: [{ weights: null, achieved: null, reachable: false, reason: 'a side has no backends' }],
    });
  });

  it('plans a target whose mesh does not answer as if its weight were 0', () => {
    const look = aLook({ backends: nodes(3) }, { backends: nodes(3) });
    const silent = { ...look, target: { ...look.target, carrier: null } };
    expect(stepsOf(plan(silent, [10]))[0]).toMatchObject({ achieved: 10, writes: ['target', 'source'] });
  });

  it('says how many requests a step exposes at the present rate, and nothing where that is unknown', () => {
    const look = aLook({ backends: nodes(3) }, { backends: nodes(3) });
    expect(stepsOf(plan(look, [10, 50], {}, 200)).map(({ requests }) => requests)).toEqual([1200, 6000]);
    expect(stepsOf(plan(look, [10]))[0]?.requests).toBeNull();
  });

  it('ends no step before its bake, and begins none outside the window', () => {
    const look = aLook({ backends: nodes(3) }, { backends: nodes(3) });
    const steps = [
      aStep(10, { bakeMs: 7 * 3_600_000 }),
      aStep(50, { bakeMs: 3_600_000 }),
      aStep(100, { bakeMs: 60_000 }),
    ];
    const office = { days: ['mon', 'fri'] as const, fromMinute: 540, toMinute: 1020, zone: 'Asia/Shanghai' };
    expect(stepsOf(plan(look, [], { steps, windows: [office] })).map(({ earliestEnd }) => earliestEnd)).toEqual([
      '2026-11-23T08:00:00.000Z',
      // From Monday 16:00 in Shanghai, while the window is open, until it is 17:00 ...
      '2026-11-23T09:00:00.000Z',
      // ... and so the last step waits for Friday 09:00.
      '2026-11-27T01:01:00.000Z',
    ]);
  });
});

describe('the next opening of a window', () => {
  const berlin = { days: ['sun'] as const, fromMinute: 240, toMinute: 300, zone: 'Europe/Berlin' };
  it('is found on the day on which the clocks are changed', () => {
    expect(opensAt([berlin], Date.parse('2026-03-28T12:00:00Z'))).toBe(Date.parse('2026-03-29T02:00:00Z'));
    expect(opensAt([berlin], Date.parse('2026-10-24T12:00:00Z'))).toBe(Date.parse('2026-10-25T03:00:00Z'));
  });
  it('is now where it is open, and none where no day is left', () => {
    expect(opensAt([], 5)).toBe(5);
    expect(opensAt([{ ...berlin, fromMinute: 300 }], 5)).toBeNull();
  });
});

describe('the remedies of a step that cannot be reached', () => {
  const remediesOf = (look: RouteObservation, asked: number) => stepsOf(plan(look, [asked]))[0]?.remedies ?? [];
  const podsOn = (count: number, on: number) => Array.from({ length: count }, (_, index) => `node-${index % on}`);

  it('are none for a step that is reached', () => {
    expect(remediesOf(aLook({ backends: nodes(3) }, { backends: nodes(3) }), 10)).toEqual([]);
  });

  it('are ENI backends, Local or a label on nodes, with the share that each would give', () => {
    const setup = { backends: nodes(50), podsOn: podsOn(3, 3) };
    const remedies = remediesOf(aLook(setup, setup), 10);
    expect(remedies.map(({ kind, sides: on, count, reachable }) => ({ kind, on, count, reachable }))).toEqual([
      { kind: 'eni-backends', on: ['target'], count: null, reachable: true },
      { kind: 'local-policy', on: ['target'], count: null, reachable: true },
      { kind: 'backend-label', on: ['target'], count: 13, reachable: true },
    ]);
    // 13 nodes of weight 1 beside 50 of weight 2.
    expect(remedies[2]?.achieved).toBeCloseTo((13 / 113) * 100, 9);
  });

  it('are no ENI backends where there are as many pods as nodes', () => {
    const setup = { backends: nodes(50), podsOn: podsOn(50, 50) };
    expect(remediesOf(aLook(setup, setup), 10).map(({ kind }) => kind)).toEqual(['backend-label']);
  });

  it('are fewer replicas of the target where pods are the backends, as many as still reach it', () => {
    const look = aLook({ mode: 'eni', backends: nodes(40) }, { mode: 'eni', backends: nodes(40) });
    expect(remediesOf(look, 10)).toMatchObject([{ kind: 'fewer-target-replicas', sides: ['target'], count: 10 }]);
  });

  it('spread the replicas of a Local target over the nodes that it has', () => {
    const source = { mode: 'eni', backends: nodes(40) } as const;
    const look = aLook(source, { mode: 'local', backends: local(...Array(6).fill(4)) });
    const [fewer, ...others] = remediesOf(look, 3).filter(({ kind }) => kind === 'fewer-target-replicas');
    expect(others).toEqual([]);
    // Weight 1 over 4 replicas is 1 on each of 4 nodes, beside 40 pods of weight 2.
    expect(fewer).toMatchObject({ count: 4, reachable: true, achieved: (4 / 84) * 100 });
  });

  it('give what a plan on replicas that were handed out to the nodes one by one gives', () => {
    let aboveNodes = 0;
    const pods = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(pods, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 99 }), (uneven, n, asked) => {
        const source = { mode: 'eni', backends: nodes(n) } as const;
        const exactly = { tolerance: 0.01 };
        const at = (on: readonly number[]) =>
          stepsOf(plan(aLook(source, { mode: 'local', backends: local(...on) }), [asked], exactly))[0];
        for (const { kind, count, achieved } of at(uneven)?.remedies ?? []) {
          if (kind !== 'fewer-target-replicas' || count === null) continue;
          const handedOut = uneven.map(() => 0);
          for (let replica = 0; replica < count; replica += 1) {
            handedOut[replica % uneven.length] = (handedOut[replica % uneven.length] ?? 0) + 1;
          }
          expect(achieved).toBeCloseTo(at(handedOut.filter((one) => one > 0))?.achieved ?? Number.NaN, 9);
          if (count > uneven.length) aboveNodes += 1;
        }
      }),
      { numRuns: 60 },
    );
    expect(aboveNodes).toBeGreaterThan(0);
  });

  it('are counted on both sides where one is not enough', () => {
    const setup = { backends: nodes(60), podsOn: podsOn(4, 4) };
    const [eni] = remediesOf(aLook(setup, setup), 75);
    expect(eni).toMatchObject({ kind: 'eni-backends', reachable: true });
    expect(isReachable(plan(aLook(...eniOn(eni?.sides ?? [])), [75]))).toBe(true);
    function eniOn(on: readonly Side[]): [SideSetup, SideSetup] {
      const [source, target] = sides.map((side): SideSetup => {
        return on.includes(side) ? { mode: 'eni', backends: nodes(4) } : setup;
      });
      return [source as SideSetup, target as SideSetup];
    }
  });

  it('give what a plan on the changed backends gives, and none of them more than one backend fewer would', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 60 }),
        fc.integer({ min: 4, max: 60 }),
        fc.integer({ min: 1, max: 99 }),
        (n, m, asked) => {
          const source = { mode: 'eni', backends: nodes(n) } as const;
          for (const remedy of remediesOf(aLook(source, { mode: 'eni', backends: nodes(m) }), asked)) {
            const at = (count: number) =>
              stepsOf(plan(aLook(source, { mode: 'eni', backends: nodes(count) }), [asked]))[0];
            expect(at(remedy.count ?? 0)).toMatchObject({ achieved: remedy.achieved, reachable: remedy.reachable });
            expect(Math.abs(remedy.achieved - asked)).toBeLessThan(Math.abs((at(m)?.achieved ?? 0) - asked));
            if (remedy.reachable) expect(at((remedy.count ?? 0) + 1)?.reachable).toBe(false);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

const aSide = fc.record({
  mode: fc.constantFrom<BackendMode>('eni', 'cluster', 'local'),
  backends: fc
    .array(fc.record({ pods: fc.integer({ min: 1, max: 4 }), isEci: fc.boolean() }), { minLength: 1, maxLength: 40 })
    // One node at least: pods on virtual nodes alone may weigh nothing at all.
    .map((list) =>
      list.map((one, index) => ({
        address: `b-${index}`,
        pods: one.isEci && index > 0 ? 1 : one.pods,
        isEci: one.isEci && index > 0,
      })),
    ),
});
const rising = fc
  .uniqueArray(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 5 })
  .map((shares) => shares.sort((a, b) => a - b));
const baseline = fc.constantFrom(null, '100', '50', '1');

describe('whatever the backends, the steps and the annotation of the source', () => {
  it('the share at each step is what a direct count of the backend weights gives', () => {
    fc.assert(
      fc.property(aSide, aSide, rising, baseline, (source, target, asked, weight) => {
        for (const step of stepsOf(plan(aLook({ ...source, weight }, target), asked))) {
          if (step.weights === null) throw new Error('both sides have backends');
          const counted = {
            source: backendWeights(step.weights.source, source.mode, source.backends),
            target: backendWeights(step.weights.target, target.mode, target.backends),
          };
          expect(step.backendWeights).toEqual(counted);
          expect(step.achieved).toBeCloseTo(shareOf(sum(counted.source), sum(counted.target)) ?? Number.NaN, 9);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('no write leaves the port dark or beyond the larger end, and none is forbidden', () => {
    fc.assert(
      fc.property(aSide, aSide, rising, baseline, (source, target, asked, weight) => {
        let before = 0;
        for (const step of stepsOf(plan(aLook({ ...source, weight }, target), asked, { tolerance: 50 }))) {
          const after = step.achieved ?? Number.NaN;
          if (Math.abs(after - step.asked) <= 50) expect(step.reason).toBeNull();
          expect(sum(step.backendWeights.source) + sum(step.backendWeights.target)).toBeGreaterThan(0);
          if (step.between !== null) {
            expect(step.between.share).not.toBeNull();
            expect(step.between.share ?? Number.NaN).toBeLessThanOrEqual(Math.max(before, after) + 1e-9);
          }
          expect(step.writes.length).toBeLessThanOrEqual(2);
          before = after;
        }
      }),
      { numRuns: 300 },
    );
  });
});
