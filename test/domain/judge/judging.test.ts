import { describe, expect, it } from 'vitest';
import { feed, type JudgedStep, type Judging } from '../../../src/domain/judge/judging.ts';
import { idle, judged, unmeasured, type Verdict, worstOf } from '../../../src/domain/judge/verdict.ts';
import type { Analysis } from '../../../src/domain/spec.ts';
import type { Sample } from '../../../src/domain/verdict.ts';
import { anAnalysis, aSample } from '../../fixtures/builders.ts';

const minuteMs = 60_000;
/** Of the first step; the source was counted for ten minutes before. */
const verifiedAtMs = 600_000;

interface Traffic {
  readonly source?: readonly [requests: number, errors: number];
  readonly target?: readonly [requests: number, errors: number];
  readonly slow?: readonly [source: number, target: number];
}

/** Five seconds a sample, from one moment until another. */
function traffic(fromMs: number, toMs: number, { source, target, slow }: Traffic): Sample[] {
  const samples: Sample[] = [];
  for (let at = fromMs; at < toMs; at += 5_000) {
    const of = (side: 'source' | 'target', [requests, errors]: readonly [number, number], index: 0 | 1) =>
      samples.push(
        aSample(side, requests, errors, { fromMs: at, ...(slow === undefined ? {} : { slow: slow[index] }) }),
      );
    if (source !== undefined) of('source', source, 0);
    if (target !== undefined) of('target', target, 1);
  }
  return samples;
}

function aStepAt(share: number, nextShare: number, at = verifiedAtMs): JudgedStep {
  return { share, nextShare, verifiedAtMs: at, fromMs: at + 20_000, route: null };
}

const ten = aStepAt(10, 50);
const warm = traffic(0, verifiedAtMs, { source: [450, 1] });
const from = ten.fromMs;

/** A look every five seconds until `toMs`, as the engine does it; the verdict after each. */
function looks(
  samples: readonly Sample[],
  toMs: number,
  { step = ten, analysis = anAnalysis(), judging }: { step?: JudgedStep; analysis?: Analysis; judging?: Judging } = {},
) {
  const verdicts: Verdict[] = [];
  let known = judging;
  for (let atMs = step.verifiedAtMs; atMs <= toMs; atMs += 5_000) {
    const told = samples.filter(({ fromMs, ms }) => fromMs + ms <= atMs);
    known = feed(known, told, step, { analysis, atMs }).judging;
    verdicts.push(judged(known, { signals: 'push', analysis, step, samples: told, atMs }));
  }
  const [last] = verdicts.slice(-1);
  if (last === undefined || known === undefined) throw new Error('no look');
  return { last, judging: known, first: (kind: string) => verdicts.findIndex((one) => one.kind === kind), verdicts };
}

const healthy: Traffic = { source: [450, 1], target: [50, 0] };
const failing: Traffic = { source: [450, 1], target: [50, 10] };

describe('the judge of a migration', () => {
  it('passes a step whose target is no worse, once there is evidence for it', () => {
    const { last, first } = looks(
      [...warm, ...traffic(verifiedAtMs, verifiedAtMs + 5 * minuteMs, healthy)],
      from + minuteMs,
    );
    expect(last).toMatchObject({ kind: 'pass', cause: 'proven', metric: 'errors', changed: 'none' });
    expect(first('pass')).toBeGreaterThan((from - verifiedAtMs) / 5_000);
    expect(last.reason).toMatch(
      /^errors: target 0\.00 % of \d+, source 0\.22 % of \d+; difference -0\.22 points \(.* to .*\); not worse by 1\.00 points, evidence \d+ of 20$/,
    );
  });

  it('fails a target that is worse within half a minute, says by how much, and that it is the one that changed', () => {
    const { last, first } = looks([...warm, ...traffic(verifiedAtMs, from + minuteMs, failing)], from + 30_000);
    expect(last).toMatchObject({ kind: 'fail', cause: 'worse', changed: 'target' });
    expect(last.reason).toMatch(
      /^errors: target 20\.00 % of .*the target is worse, evidence .* of 100; the target changed$/,
    );
    expect(first('pass')).toBe(-1);
  });

  it('does not count what was counted before the settle time was over', () => {
    const bad = traffic(verifiedAtMs, from, { source: [450, 1], target: [50, 50] });
    const { last } = looks([...warm, ...bad, ...traffic(from, from + 5 * minuteMs, healthy)], from + 2 * minuteMs);
    expect(last).toMatchObject({ kind: 'pass', target: { errors: 0 } });
  });

  it('asks for more while nothing is shown, and says how much and how long', () => {
    const rare: Traffic = { source: [45, 0], target: [5, 0] };
    const { last } = looks(
      [...traffic(0, verifiedAtMs, { source: [50, 0] }), ...traffic(verifiedAtMs, from + minuteMs, rare)],
      from + minuteMs,
    );
    expect(last).toMatchObject({ kind: 'insufficient', cause: 'open' });
    expect(last.missing?.requests).toBeGreaterThan(100);
    expect(last.reason).toMatch(/not shown yet: \d+ more requests of the target, \d+ (s|min) at this rate/);
  });

  it('holds both sides responsible for an outage of both, and neither while the source alone fails', () => {
    const both = traffic(from, from + 2 * minuteMs, { source: [450, 180], target: [50, 20] });
    expect(looks([...warm, ...both], from + minuteMs).last).toMatchObject({ kind: 'insufficient', cause: 'common' });
    const source = traffic(from, from + 10 * minuteMs, { source: [450, 180], target: [50, 0] });
    expect(looks([...warm, ...source], from + 10 * minuteMs).last).toMatchObject({ kind: 'pass' });
  });

  it('finds that nothing arrives at the target although it has a share', () => {
    const { last } = looks(
      [...warm, ...traffic(verifiedAtMs, from + minuteMs, { source: [500, 1], target: [0, 0] })],
      from + minuteMs,
    );
    expect(last).toMatchObject({ kind: 'insufficient', cause: 'silent' });
    expect(last.reason).toContain('nothing arrives at the target although it has 10 per cent');
  });

  it('begins its evidence of health anew with each step, and keeps that of failure', () => {
    const before = looks([...warm, ...traffic(verifiedAtMs, from + minuteMs, healthy)], from + minuteMs);
    const suspicious = traffic(from + minuteMs, from + minuteMs + 15_000, failing);
    const samples = [...warm, ...traffic(verifiedAtMs, from + minuteMs, healthy), ...suspicious];
    const after = looks(samples, from + minuteMs + 15_000, { step: ten });
    expect(before.last.kind).toBe('pass');
    const fifty = aStepAt(50, 100, from + 2 * minuteMs);
    const next = looks([], fifty.verifiedAtMs, { step: fifty, judging: after.judging }).last;
    expect(next).toMatchObject({ kind: 'insufficient', target: { requests: 0 }, evidence: { proven: { ln: 0 } } });
    expect(next.evidence.worse.ln).toBeCloseTo(after.last.evidence.worse.ln, 9);
    expect(next.evidence.worse.ln).toBeGreaterThan(1);
  });

  it('says of 100 per cent that there is no control traffic, and compares with what the source was like', () => {
    const before = looks([...warm, ...traffic(verifiedAtMs, from + minuteMs, healthy)], from + minuteMs);
    const all = aStepAt(100, 100, from + minuteMs);
    const good = traffic(all.fromMs, all.fromMs + 5 * minuteMs, { source: [0, 0], target: [500, 1] });
    const { last } = looks(good, all.fromMs + 2 * minuteMs, { step: all, judging: before.judging });
    expect(last).toMatchObject({ kind: 'pass', isAlone: true });
    expect(last.reason).toContain('compared with what the source was like before');
    const bad = traffic(all.fromMs, all.fromMs + 5 * minuteMs, { source: [0, 0], target: [500, 25] });
    expect(looks(bad, all.fromMs + minuteMs, { step: all, judging: before.judging }).last.kind).toBe('fail');
  });

  it('remembers at most 2 kB a metric, and is the same after being stored', () => {
    const samples = [...warm, ...traffic(verifiedAtMs, from + 10 * minuteMs, { ...failing, slow: [3, 5] })];
    const analysis = anAnalysis({ latency: { ...anAnalysis(), overMs: 500 } });
    const { judging } = looks(samples, from + 10 * minuteMs, { analysis });
    const { errors, latency } = judging;
    for (const state of [errors, latency]) expect(JSON.stringify(state).length).toBeLessThan(2_048);
    const stored = JSON.parse(JSON.stringify(judging)) as Judging;
    const more = { analysis, atMs: from + 11 * minuteMs };
    expect(feed(stored, samples, ten, more)).toEqual(feed(judging, samples, ten, more));
  });

  it('is not moved by a look that is seen twice', () => {
    const samples = [...warm, ...traffic(verifiedAtMs, from + minuteMs, failing)];
    const { judging } = looks(samples, from + 15_000);
    const told = samples.filter(({ fromMs, ms }) => fromMs + ms <= from + 15_000);
    expect(feed(judging, told, ten, { analysis: anAnalysis(), atMs: from + 15_000 })).toEqual({ judging, cells: [] });
  });

  it('starts anew with another route: its source is another one', () => {
    const { judging } = looks([...warm, ...traffic(verifiedAtMs, from + minuteMs, failing)], from + 20_000);
    const other = { ...aStepAt(10, 50, from + 10 * minuteMs), route: 'lb-internal' };
    const next = feed(judging, [], other, { analysis: anAnalysis(), atMs: other.verifiedAtMs }).judging;
    expect(next.errors.worse.ln).toBeLessThanOrEqual(0);
    expect(next.route).toBe('lb-internal');
  });
});

describe('what a spec asks for', () => {
  const samples = [...warm, ...traffic(verifiedAtMs, from + 5 * minuteMs, healthy)];
  const asked = (analysis: Partial<Analysis>) =>
    looks(samples, from + 3 * minuteMs, { analysis: anAnalysis(analysis) }).last;

  it('fewer requests than it wants are no pass', () => {
    expect(asked({ minRequests: 5_000 })).toMatchObject({ kind: 'insufficient', cause: 'few' });
    expect(asked({ minRequests: 5_000 }).reason).toMatch(/the target has \d+ of the 5000 requests that are asked for/);
    expect(asked({ minRequests: 1_000 }).kind).toBe('pass');
  });

  it('a latency that is worse fails although no request does; one that nobody counts is no pass', () => {
    const latency = { ...anAnalysis({ max: 1 }), overMs: 500 };
    const slow = traffic(verifiedAtMs, from + 5 * minuteMs, { ...healthy, slow: [4, 20] });
    const analysis = anAnalysis({ latency });
    const { last } = looks(
      [...traffic(0, verifiedAtMs, { source: [450, 1], slow: [4, 0] }), ...slow],
      from + minuteMs,
      { analysis },
    );
    expect(last).toMatchObject({ kind: 'fail', metric: 'latency', others: [{ metric: 'errors', kind: 'pass' }] });
    expect(last.reason).toMatch(/^slower than 500 ms: target 40\.00 %/);
    expect(asked({ latency })).toMatchObject({ kind: 'insufficient', metric: 'latency' });
  });

  it('a smaller budget asks for more evidence', () => {
    const looked = (harmBudget: number) =>
      looks(samples, from + 4 * minuteMs, { analysis: anAnalysis({ harmBudget }) });
    expect(looked(0.02).first('pass')).toBeLessThan(looked(0.004).first('pass'));
  });
});

describe('samples that cannot be judged', () => {
  it('are an error where they cannot be read, and nothing where nothing is asked', () => {
    expect(unmeasured('push', 'Redis does not answer')).toMatchObject({
      kind: 'error',
      reason: 'Redis does not answer',
    });
    expect(idle().kind).toBe('pass');
  });

  it('are told: a clock that is ahead, an instance that is behind', () => {
    const ahead = aSample('target', 10, 0, { instance: 'fast', fromMs: from + 30_000 });
    const behind = aSample('source', 10, 0, { instance: 'slow', fromMs: from - 60_000 });
    const samples = [...warm, ...traffic(verifiedAtMs, from, healthy), ahead, behind];
    const analysis = anAnalysis();
    const fed = feed(undefined, samples, ten, { analysis, atMs: from }).judging;
    expect(judged(fed, { signals: 'push', analysis, step: ten, samples, atMs: from }).findings).toEqual([
      "fast of the target counts 35 s ahead of the store's clock: set its clock",
      'slow of the source is 55 s behind the others: it ended, or what it reports comes too late',
    ]);
  });
});

describe('the verdict of several sources', () => {
  const of = (kind: Verdict['kind'], signals: string, cause: Verdict['cause'] = 'open'): Verdict => {
    return { ...idle(), kind, cause, signals };
  };
  const worst = (...verdicts: readonly Verdict[]) => worstOf(verdicts).signals;

  it('is the worst of theirs, a failure before what could not be measured, and of equals the first', () => {
    expect(worst(of('pass', 'a'), of('insufficient', 'b'), of('pass', 'c'))).toBe('b');
    expect(worst(of('insufficient', 'a'), of('error', 'b'))).toBe('b');
    expect(worst(of('error', 'a'), of('fail', 'b'), of('error', 'c'))).toBe('b');
    expect(worst(of('fail', 'a'), of('fail', 'b'))).toBe('a');
  });
  it('is that of a source which sees both sides fail: going back would not help', () => {
    expect(worst(of('fail', 'a', 'worse'), of('insufficient', 'b', 'common'))).toBe('b');
  });
  it('shows what the others say', () => {
    const { others } = worstOf([of('pass', 'a'), of('fail', 'b')]);
    expect(others.map(({ kind, signals }) => [kind, signals])).toEqual([['pass', 'a']]);
  });
});
