import { describe, expect, it } from 'vitest';
import { type Quiet, quietOf } from '../../src/domain/quiet.ts';
import { canGo, type RetirementFacts, type RetiringRoute, retirementChecks } from '../../src/domain/retirement.ts';
import type { Sample } from '../../src/domain/verdict.ts';

const clb = (suffix: string) => `service.beta.kubernetes.io/alibaba-cloud-loadbalancer-${suffix}`;
const atMs = 1_000_000_000;
const minuteMs = 60_000;

const sample = (more: Partial<Sample> = {}): Sample => ({
  ...{ side: 'source', instance: 'a', fromMs: atMs - minuteMs, ms: minuteMs, requests: 0, errors: 0 },
  ...more,
});
/** Ten minutes of one instance, up to half a minute ago. */
const minutes = (more: Partial<Sample> = {}) =>
  Array.from({ length: 11 }, (_, index) => sample({ fromMs: atMs - 30_000 - (11 - index) * minuteMs, ...more }));
const quiet = (samples: readonly Sample[]) => quietOf(samples, 'source', 10 * minuteMs, atMs);

describe('how quiet a side was', () => {
  it('is what all of its instances counted, of requests past the CLB as well', () => {
    const counted = quiet([
      ...minutes({ requests: 3, direct: 1, connections: 2 }),
      ...minutes({ instance: 'b', requests: 1, direct: 0, connections: 0 }),
      ...minutes({ side: 'target', requests: 100 }),
    ]);
    expect(counted).toEqual({
      ...{ fromMs: atMs - 10 * minuteMs, toMs: atMs },
      ...{ isCounted: true, requests: 40, direct: 10, connections: 2 },
    });
  });

  it('is not known where nobody counted, or not all of the time', () => {
    expect(quiet([])).toMatchObject({ isCounted: false, requests: null, direct: null, connections: null });
    const [, , , , , lost, ...others] = minutes();
    expect(quiet(others)).toMatchObject({ isCounted: false, requests: 0 });
    expect(quiet(minutes().filter((one) => one.fromMs !== lost?.fromMs)).isCounted).toBe(false);
    expect(quiet(minutes().slice(0, -2)).isCounted).toBe(false);
  });

  it('counts what reaches into the time, and nothing of before', () => {
    const before = sample({ fromMs: atMs - 12 * minuteMs, requests: 5 });
    expect(quiet([before, ...minutes()]).requests).toBe(0);
    expect(quiet([{ ...before, ms: 3 * minuteMs }, ...minutes()]).requests).toBe(5);
  });

  it('does not say how many came past the CLB where one instance does not tell', () => {
    expect(quiet([...minutes({ direct: 0 }), ...minutes({ instance: 'b' })]).direct).toBeNull();
  });
});

const nothing: Quiet = { fromMs: 0, toMs: 0, isCounted: true, requests: 0, direct: 0, connections: 0 };
const route = (more: Partial<RetiringRoute> = {}): RetiringRoute => ({
  service: 'Service ack/istio-system/gw',
  uid: '01234567-89ab-cdef-0123-456789abcdef',
  annotations: { [clb('id')]: 'lb-1' },
  loadBalancer: 'lb-1',
  balancerName: 'shop',
  tags: { 'kubernetes.reused.by.user': 'true' },
  ports: [{ port: 80, group: 'rsp-80', sourceWeight: 0, otherWeight: 99 }],
  ...more,
});
const facts = (more: Partial<RetirementFacts> = {}): RetirementFacts => ({
  ...{ state: 'closed', quiet: nothing, quietFor: '10m', routes: [route()] },
  ...{ naming: [], selecting: [], unmoved: [] },
  ...more,
});
/** What is not answered with yes. */
const open = (more: Partial<RetirementFacts>) =>
  retirementChecks(facts(more)).flatMap(({ id, status, found }) =>
    status === 'pass' ? [] : [`${status} ${id}: ${found}`],
  );

describe('the old gateway', () => {
  it('can go where every question is answered with yes', () => {
    const checks = retirementChecks(facts());
    expect(checks.map(({ id, status }) => `${id} ${status}`)).toEqual([
      'ended pass',
      'weights pass',
      'requests pass',
      'connections pass',
      'callers pass',
      'selected pass',
      'configured pass',
      'ownership pass',
    ]);
    expect(canGo(checks)).toBe(true);
  });

  it.each<[string, Partial<RetirementFacts>, string]>([
    ['can be undone to', { state: 'completed' }, 'fail ended: the migration is completed and can still be undone'],
    ['is still being moved from', { state: 'progressing.baking' }, 'fail ended: the migration is progressing.baking'],
    [
      'has a weight',
      { routes: [route({ ports: [{ port: 80, group: 'rsp-80', sourceWeight: 1, otherWeight: 99 }] })] },
      'fail weights: lb-1 sends requests to Service ack/istio-system/gw at 80 (rsp-80)',
    ],
    [
      'is all that a CLB has',
      { routes: [route({ ports: [{ port: 80, group: 'rsp-80', sourceWeight: 0, otherWeight: 0 }] })] },
      'fail weights: nothing else has a weight on lb-1 at 80 (rsp-80)',
    ],
    [
      'is asked',
      { quiet: { ...nothing, requests: 7, direct: 4 } },
      'fail requests: 7 requests in the last 10m, 4 of them past the CLB',
    ],
    [
      'is asked, and nobody tells which way',
      { quiet: { ...nothing, requests: 7, direct: null } },
      'fail requests: 7 requests in the last 10m',
    ],
    ['has connections', { quiet: { ...nothing, connections: 2 } }, 'fail connections: 2 connections are open'],
    [
      'counts no connections',
      { quiet: { ...nothing, connections: null } },
      'unknown connections: nobody tells how many connections are open',
    ],
    ['is named', { naming: ['Service ack/shop/door'] }, 'fail callers: its Service is named by: Service ack/shop/door'],
    [
      'is selected by another Service',
      { selecting: ['Service ack/istio-system/admin'] },
      'fail selected: its pods are selected by: Service ack/istio-system/admin',
    ],
    [
      'has a Gateway that the mesh has not',
      { unmoved: ['Gateway shop/public'] },
      'fail configured: the mesh has no copy of: Gateway shop/public',
    ],
    [
      'holds its CLB',
      { routes: [route({ annotations: {} })] },
      'fail ownership: Service ack/istio-system/gw does not name lb-1 in its annotations: deleting it would delete the CLB',
    ],
    [
      'has a CLB with the controller’s tag',
      { routes: [route({ tags: { 'ack.aliyun.com': 'c1' } })] },
      'fail ownership: lb-1 has the tag ack.aliyun.com of its controller',
    ],
    [
      'has a CLB with the controller’s name',
      { routes: [route({ balancerName: 'a0123456789abcdef0123456789abcde' })] },
      'fail ownership: lb-1 is called a0123456789abcdef0123456789abcde, by which the controller would take it back and delete it with Service ack/istio-system/gw',
    ],
  ])('stays where it %s', (_, more, found) => {
    expect(open(more)).toEqual([found]);
    expect(canGo(retirementChecks(facts(more)))).toBe(false);
  });

  it('stays where nobody counted: silence is no proof', () => {
    expect(open({ quiet: { ...nothing, isCounted: false, requests: 7 } })[0]).toBe(
      'fail requests: 7 requests in the last 10m, 0 of them past the CLB',
    );
    const uncounted = { ...nothing, isCounted: false, requests: null, direct: null, connections: null };
    expect(open({ quiet: uncounted })).toEqual([
      'unknown requests: nobody counted all of the last 10m',
      'unknown connections: nobody tells how many connections are open',
    ]);
  });
});
