import { describe, expect, it } from 'vitest';
import type { AchievedShare } from '../../src/domain/agreement.ts';
import { leftoversOf } from '../../src/domain/leftover.ts';
import { leftoverAdvice, leftoverLines } from '../../src/domain/leftover-words.ts';
import type { Sample } from '../../src/domain/verdict.ts';
import { aSample } from '../fixtures/builders.ts';

const atMs = 600_000;
const sinceMs = 300_000;

function aPort(loadBalancer: string, sourceWeight = 0, targetWeight = 99, port = 80): AchievedShare {
  const share = (targetWeight / (sourceWeight + targetWeight)) * 100;
  return { loadBalancer, port, group: `rsp-${loadBalancer}-${port}`, sourceWeight, targetWeight, share };
}

/** One sample each five seconds, the newest ending three seconds before it is asked; `ago` leaves the newest out. */
function samples(count: number, sample: Partial<Sample>, requests = 0, ago = 0): readonly Sample[] {
  return Array.from({ length: count }, (_, index) =>
    aSample('source', requests, 0, { fromMs: atMs - 3_000 - (index + ago + 1) * 5_000, ...sample }),
  );
}

const left = (given: readonly Sample[], achieved: readonly AchievedShare[] = [aPort('lb-public')]) =>
  leftoversOf({ achieved, side: 'source', samples: given, sinceMs, atMs });

describe('what is left at a side with weight 0', () => {
  it('is asked where every port of a load balancer has weight 0 there, and nowhere else', () => {
    const achieved = [aPort('lb-public'), aPort('lb-public', 0, 99, 443), aPort('lb-half', 50, 50), aPort('lb-mixed')];
    const given = [...achieved, aPort('lb-mixed', 1, 99, 443)];
    expect(left([], given).map(({ loadBalancer }) => loadBalancer)).toEqual(['lb-public']);
  });

  it('is unknown in every number where nobody counts, or where the newest count is old', () => {
    const unknown = { connections: null, requests: null, direct: null, countedAtMs: null };
    expect(left([])).toEqual([{ loadBalancer: 'lb-public', side: 'source', countedAt: 'gateway', ...unknown }]);
    expect(left(samples(5, { connections: 3 }, 10, 20))).toMatchObject([unknown]);
    expect(left([aSample('target', 10, 0, { fromMs: atMs - 5_000, connections: 4 })])).toMatchObject([unknown]);
  });

  it('counts the requests of the minute up to the newest count, and of an interval that reaches out of it the part', () => {
    const [leftover] = left(samples(40, {}, 10));
    expect(leftover).toMatchObject({ requests: 120, direct: null, connections: null, countedAtMs: atMs - 3_000 });
    expect(left([aSample('source', 1_000, 0, { fromMs: atMs - 200_000, ms: 200_000 })])[0]?.requests).toBe(300);
  });

  it('leaves out what was counted before the weight was 0', () => {
    const before = samples(12, { connections: 5 }, 10);
    const [leftover] = leftoversOf({
      achieved: [aPort('lb-public')],
      side: 'source',
      samples: before,
      sinceMs: atMs,
      atMs,
    });
    expect(leftover).toMatchObject({ requests: null, connections: 5 });
    expect(leftoverLines([leftover as never])[0]).toContain(
      '5 connections open at the source when they were last counted',
    );
  });

  it('takes the newest gauge of each instance and adds them up', () => {
    const given = [
      ...samples(1, { instance: 'a', connections: 7 }, 0, 1),
      ...samples(1, { instance: 'a', connections: 4 }),
      ...samples(1, { instance: 'b', connections: 2 }),
    ];
    expect(left(given)[0]?.connections).toBe(6);
  });

  it('tells direct requests from those that may have come over old connections', () => {
    const [leftover] = left(samples(12, { direct: 8, connections: 1 }, 10));
    expect(leftover).toMatchObject({ requests: 24, direct: 96, connections: 1 });
  });

  it('is told by load balancer where samples name it, and direct requests of the whole side', () => {
    const given = [
      ...samples(12, { loadBalancer: 'lb-public', connections: 3 }, 5),
      ...samples(12, { loadBalancer: 'lb-internal', connections: 0 }),
      ...samples(12, { direct: 20, connections: 0 }, 20),
    ];
    expect(left(given, [aPort('lb-public'), aPort('lb-internal')])).toMatchObject([
      { loadBalancer: 'lb-public', connections: 3, requests: 60, direct: 240, countedAt: 'loadBalancer' },
      { loadBalancer: 'lb-internal', connections: 0, requests: 0, direct: 240, countedAt: 'loadBalancer' },
    ]);
  });

  it('is of the gateway where something came through a load balancer that no sample names: it could be anyone', () => {
    const named = samples(12, { loadBalancer: 'lb-internal', connections: 2 }, 1);
    const unnamed = samples(12, { connections: 8 }, 5);
    const achieved = [aPort('lb-public'), aPort('lb-internal')];
    for (const leftover of left([...named, ...unnamed], achieved)) {
      expect(leftover).toMatchObject({ connections: 10, requests: 72, countedAt: 'gateway' });
    }
    expect(left([...named, ...samples(12, {}, 5)], achieved)[1]).toMatchObject({ requests: 72, countedAt: 'gateway' });
    expect(left([...named, ...samples(12, { direct: 5 }, 5)], achieved)[1]).toMatchObject({
      countedAt: 'loadBalancer',
    });
  });
});

describe('what people are told of it', () => {
  const told = (given: readonly Sample[], ...names: readonly string[]) => {
    const leftovers = left(
      given,
      (names.length === 0 ? ['lb-public'] : names).map((name) => aPort(name)),
    );
    return { lines: leftoverLines(leftovers), advice: leftoverAdvice(leftovers).join('; ') };
  };

  it('is the plain fact where nobody tells more than requests', () => {
    const { lines, advice } = told(samples(12, {}, 10));
    expect(lines).toEqual([
      'lb-public: 120 requests in the last minute were still counted at the source; nobody tells whether over old connections or past the CLB',
    ]);
    expect(advice).toContain('downstream_cx_active');
  });

  it('is that nobody counts, and where to look', () => {
    const { lines, advice } = told([]);
    expect(lines).toEqual(['nobody counts at the source: what is left there is not known']);
    expect(advice).toBe("see downstream_cx_active of the source's gateway before it is retired");
  });

  it('names open connections and what ends them, direct callers and what they should call', () => {
    const { lines, advice } = told(samples(12, { direct: 8, connections: 3 }, 10));
    expect(lines).toEqual([
      'lb-public: 3 connections open at the source, 24 requests at the source in the last minute over old connections',
      '96 requests a minute reach the source past the CLB',
    ]);
    expect(advice).toMatch(/restart its gateway's pods gradually, or remove its backends with connection drain on/);
    expect(advice).toMatch(/callers in the cluster use the name of the source's Service/);
  });

  it('is one line for load balancers that are not told apart', () => {
    const { lines } = told(samples(12, { direct: 0, connections: 3 }), 'lb-public', 'lb-internal');
    expect(lines).toEqual(['lb-public, lb-internal (one gateway, not told apart): 3 connections open at the source']);
  });

  it('is that nothing is left, and then nothing is advised', () => {
    const { lines, advice } = told(samples(12, { direct: 0, connections: 0 }));
    expect(lines).toEqual(['lb-public: no connection is open and no request came in the last minute at the source']);
    expect(advice).toBe('');
  });
});
