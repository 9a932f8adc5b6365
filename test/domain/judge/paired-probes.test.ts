import { describe, expect, it } from 'vitest';
import { pairedSamples, pairsDue, withProbes } from '../../../src/domain/judge/paired-probes.ts';
import { idle, unmeasured, type Verdict } from '../../../src/domain/judge/verdict.ts';
import { anAnalysis, aSample } from '../../fixtures/builders.ts';

const second = 1_000;
const at = { atMs: 1_000 * second, watchEveryMs: 5 * second };
const until = (atMs: number) => [aSample('target', 5, 0, { fromMs: atMs - 5 * second, ms: 5 * second })];

describe('how many pairs are due', () => {
  it('is one for each second since the last', () => {
    expect(pairsDue(until(995 * second), 1, at)).toEqual({ fromMs: 995 * second, pairs: 5 });
    expect(pairsDue(until(999.5 * second), 1, at)).toBeNull();
  });

  it('is at most thirty a look, over all probes', () => {
    expect(pairsDue(until(950 * second), 1, at)?.pairs).toBe(30);
    expect(pairsDue(until(950 * second), 4, at)?.pairs).toBe(7);
  });

  it('begins anew after a pause, and where nothing was asked yet', () => {
    expect(pairsDue(until(900 * second), 1, at)).toEqual({ fromMs: 995 * second, pairs: 5 });
    expect(pairsDue([], 2, at)).toEqual({ fromMs: 995 * second, pairs: 5 });
  });

  it('is none without a probe of both sides', () => {
    expect(pairsDue([], 0, at)).toBeNull();
  });
});

describe('the answers of a look', () => {
  const answers = [
    { side: 'source', isOk: true, ms: 20 },
    { side: 'source', isOk: true, ms: 600 },
    { side: 'target', isOk: false, ms: 5 },
    { side: 'target', isOk: false },
  ] as const;
  const of = { fromMs: 0, atMs: 5_000 };

  it('are one sample a side', () => {
    expect(pairedSamples(answers, { ...of, latency: null })).toEqual([
      { side: 'source', instance: 'probes', fromMs: 0, ms: 5_000, requests: 2, errors: 0 },
      { side: 'target', instance: 'probes', fromMs: 0, ms: 5_000, requests: 2, errors: 2 },
    ]);
  });

  it('were slow where they took longer than the spec allows, or did not come back', () => {
    const { profile, harmBudget, falseAlarm, max } = anAnalysis();
    const latency = { profile, harmBudget, falseAlarm, max, overMs: 500 };
    expect(pairedSamples(answers, { ...of, latency }).map(({ slow }) => slow)).toEqual([1, 1]);
  });
});

describe('a verdict of users and paired probes together', () => {
  const wealth = (ln: number) => ({ ln, needed: Math.log(100) });
  const of = (signals: string, verdict: Partial<Verdict>): Verdict => ({
    ...idle(),
    ...{ signals, target: { requests: 40, errors: 0 }, reason: signals },
    evidence: { worse: wealth(0), over: wealth(0), proven: wealth(0) },
    ...verdict,
  });
  const pass = { kind: 'pass', cause: 'proven' } as const;
  const open = { kind: 'insufficient', cause: 'open' } as const;
  const fail = { kind: 'fail', cause: 'worse' } as const;
  const doubt = { ...open, evidence: { worse: wealth(Math.log(6)), over: wealth(0), proven: wealth(0) } };
  const users = (verdict: Partial<Verdict>) => of('push', verdict);
  const probes = (verdict: Partial<Verdict>) => of('probes', verdict);
  const both = (one: Partial<Verdict>, other: Partial<Verdict>) => {
    const { kind, signals } = withProbes(users(one), probes(other), { minRequests: 10 });
    return `${kind} by ${signals}`;
  };

  it.each([
    ['the probes stand in for too few requests', open, pass, 'pass by probes'],
    ['the probes are not far enough', pass, open, 'pass by push'],
    ['neither is', open, open, 'insufficient by push'],
    ['users fail', fail, pass, 'fail by push'],
    ['probes fail', pass, fail, 'fail by probes'],
    ['both pass', pass, pass, 'pass by push'],
    ['there is doubt of users', doubt, pass, 'insufficient by push'],
    [
      'fewer users came than the spec wants',
      { ...open, target: { requests: 9, errors: 0 } },
      pass,
      'insufficient by push',
    ],
    ['nothing arrives at the target', { ...open, cause: 'silent' }, pass, 'insufficient by push'],
    ['both sides fail the users', { ...open, cause: 'common' }, pass, 'insufficient by push'],
    ['both sides fail the probes', pass, { ...open, cause: 'common' }, 'insufficient by probes'],
    ['the users cannot be counted', unmeasured('push', 'gone'), pass, 'error by push'],
    ['another metric of the users is in doubt', { ...open, others: [users(doubt)] }, pass, 'insufficient by push'],
    ['another source of the users fails', { ...open, others: [users(fail)] }, pass, 'insufficient by push'],
  ] as const)('where %s', (_, one, other, said) => {
    expect(both(one, other)).toBe(said);
  });

  it('shows all of them', () => {
    const { others, reason } = withProbes(users(open), probes(pass), { minRequests: 10 });
    expect(others.map(({ signals }) => signals)).toEqual(['push']);
    expect(others[0]).not.toHaveProperty('others');
    expect(reason).toBe('probes, by paired probes; nothing speaks against it in 40 requests of users at the target');
  });
});
