import { describe, expect, it } from 'vitest';
import { controlTrafficAdvice } from '../../src/domain/control-traffic.ts';

const adviceOn = (...shares: readonly number[]) =>
  controlTrafficAdvice(shares.map((share) => ({ share }))).map(({ step }) => step);

describe('the advice to keep control traffic shortly before the end', () => {
  it('is given where no step lies at 90 to 95 per cent before 100', () => {
    expect(adviceOn(10, 50, 100)).toEqual([3]);
    expect(adviceOn(100)).toEqual([1]);
    expect(adviceOn(10, 89, 100)).toEqual([3]);
    expect(adviceOn(10, 96, 100)).toEqual([3]);
  });

  it('is not given where one does, or where the source keeps its traffic', () => {
    expect(adviceOn(10, 50, 90, 100)).toEqual([]);
    expect(adviceOn(95, 99, 100)).toEqual([]);
    expect(adviceOn(10, 50)).toEqual([]);
  });

  it('says what the verdict is made of without it', () => {
    expect(controlTrafficAdvice([{ share: 100 }])[0]?.text).toMatch(
      /judged against what the source was like before.*Take a step at 90 to 95 per cent/,
    );
  });
});
