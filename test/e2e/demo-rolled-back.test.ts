import { beforeAll, describe, expect, it } from 'vitest';
import { baseline, type Demo, demo, demoMsMax, endWeights, isVerified, told } from '../fixtures/demo.ts';

describe('a demo whose target fails requests at 50 per cent', () => {
  let seen: Demo;
  beforeAll(async () => {
    seen = await demo('--fault', 'errors');
  }, demoMsMax);

  it('ends rolled back, as expected, with exit code 0', () => {
    expect(seen.summary).toMatchObject({ isAsExpected: true, expected: 'rolledBack', state: 'rolledBack' });
    expect(seen.summary.reason).toMatch(/^errors: target \d/);
    expect(seen.code).toBe(0);
  });

  it('is well until the fault, and goes back right after it', () => {
    const steps = [
      isVerified(50),
      'FAULT: the target now fails',
      'is rolled back',
      'the baseline is back, verified at the CLB',
    ];
    expect(told(seen, ...steps, isVerified(100))).toEqual(steps);
  });

  it('says how long it took from the first failed request to the verified baseline, and how many failed', () => {
    const { recovery, requests } = seen.summary;
    expect(recovery?.from).toBe('the first failed request');
    expect(recovery?.seconds).toBeGreaterThan(0);
    expect(recovery?.seconds).toBeLessThan(seen.summary.seconds);
    expect(recovery?.failed).toBeGreaterThan(0);
    // Before the fault no request failed, so those that failed meanwhile are all.
    expect(recovery?.failed).toBe(requests.failed);
  });

  it('leaves the weights of the baseline at the CLB and loses no request', () => {
    expect(endWeights(seen)).toEqual(baseline);
    expect(seen.summary.requests.lost).toBe(0);
  });
});

describe('a demo whose target stops answering probes', () => {
  let seen: Demo;
  beforeAll(async () => {
    seen = await demo('--fault', 'probe');
  }, demoMsMax);

  it('ends rolled back because of the probe, with exit code 0', () => {
    expect(seen.summary).toMatchObject({ isAsExpected: true, expected: 'rolledBack', state: 'rolledBack' });
    expect(seen.summary.reason).toContain('probe');
    expect(seen.code).toBe(0);
  });

  it('says how long it took from the fault, because no request of a client failed', () => {
    expect(seen.summary.recovery).toMatchObject({ from: 'the fault', failed: 0 });
    expect(seen.summary.recovery?.seconds).toBeGreaterThan(0);
    expect(seen.summary.requests).toMatchObject({ failed: 0, lost: 0 });
  });

  it('leaves the weights of the baseline at the CLB', () => {
    expect(endWeights(seen)).toEqual(baseline);
  });
});

describe('a demo that a person aborts half way', () => {
  let seen: Demo;
  beforeAll(async () => {
    seen = await demo('--fault', 'abort');
  }, demoMsMax);

  it('ends rolled back by that person, with exit code 0', () => {
    expect(seen.summary).toMatchObject({ isAsExpected: true, expected: 'rolledBack', state: 'rolledBack' });
    expect(seen.summary.reason).toContain('abort');
    expect(seen.code).toBe(0);
    expect(told(seen, isVerified(50), 'FAULT: a person aborted', 'the baseline is back', isVerified(100))).toEqual([
      isVerified(50),
      'FAULT: a person aborted',
      'the baseline is back',
    ]);
  });

  it('says how long it took from the abort, and leaves the weights of the baseline at the CLB', () => {
    expect(seen.summary.recovery).toMatchObject({ from: 'the fault', failed: 0 });
    expect(seen.summary.recovery?.seconds).toBeGreaterThan(0);
    expect(endWeights(seen)).toEqual(baseline);
    expect(seen.summary.requests.lost).toBe(0);
  });
});
