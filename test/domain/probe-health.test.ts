import { describe, expect, it } from 'vitest';
import { areGreen, dueProbes, failingProbe, withAnswers } from '../../src/domain/probe-health.ts';
import { aProbe } from '../fixtures/builders.ts';

const probe = aProbe({ side: 'target', failures: 2, everyMs: 10_000 });
const answer = (isOk: boolean) => ({ probe: probe.name, side: 'target' as const, isOk, detail: isOk ? '200' : '503' });

describe('a probe', () => {
  it('fails after so many failures in a row, and one good answer forgets them', () => {
    const once = withAnswers([], [answer(false)], 0);
    expect(failingProbe([probe], once, 'target')).toBeNull();
    const twice = withAnswers(once, [answer(false)], 10_000);
    expect(failingProbe([probe], twice, 'target')).toMatchObject({ failuresInRow: 2, detail: '503' });
    expect(failingProbe([probe], withAnswers(twice, [answer(true)], 20_000), 'target')).toBeNull();
  });
  it('is asked again only after its own interval', () => {
    const asked = withAnswers([], [answer(true)], 1_000);
    expect(dueProbes([probe], asked, 10_999)).toEqual([]);
    expect(dueProbes([probe], asked, 11_000)).toHaveLength(1);
  });
  it('is asked at both sides where it is for both', () => {
    expect(dueProbes([aProbe()], [], 0).map(({ side }) => side)).toEqual(['source', 'target']);
  });
  it('is not green before it was asked, nor after its last answer was bad', () => {
    expect(areGreen([probe], [])).toBe(false);
    expect(areGreen([probe], withAnswers([], [answer(true)], 0))).toBe(true);
    expect(areGreen([probe], withAnswers([], [answer(false)], 0))).toBe(false);
  });
});
