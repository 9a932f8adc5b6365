import { describe, expect, test } from 'vitest';
import { measure } from '../../bench/judge/measure.ts';
import { seeded } from '../../bench/judge/random.ts';
import { contenders, sluiceStandard } from '../../bench/judge/rules.ts';
import {
  common,
  healthy,
  lateRegressions,
  noise,
  regressions,
  type Scenario,
  weak,
} from '../../bench/judge/scenarios.ts';

/** Fifty migrations of the rows that take no hours; docs/judge.md has four hundred of each row. */
const migrations = 50;
const judged = (scenario: Scenario) => measure(sluiceStandard, scenario, migrations);
const isBusy = ({ weather }: Scenario) => weather.ratePerSecond >= 50;
const rowsOf = (name: string) => regressions.find((one) => one.name === name)?.rows.filter(isBusy) ?? [];
const named = (rows: readonly Scenario[]) => rows.map((row) => [row.name, row] as const);

describe('whole migrations, standard profile', () => {
  test.each(named([...healthy, ...common, ...noise].filter(isBusy)))('%s: never rolled back', (_, row) => {
    expect(judged(row).rolledBack).toBe(0);
  });

  test.each(named(healthy.filter(isBusy)))('%s: done in a quarter of an hour', (_, row) => {
    expect(judged(row).healthySeconds).toBeLessThan(16 * 60);
  });

  test.each(named([...rowsOf('+50 points'), ...rowsOf('+5 points'), ...lateRegressions]))(
    '%s: rolled back',
    (_, row) => {
      expect(judged(row).rolledBack).toBe(100);
    },
  );

  test('five points at 50 requests a second are found within a minute and 15 failed requests', () => {
    const [row] = rowsOf('+5 points');
    const { seconds, excess } = judged(row as Scenario).rollback ?? { seconds: Number.NaN, excess: Number.NaN };
    expect(seconds).toBeLessThanOrEqual(60);
    expect(excess).toBeLessThanOrEqual(15);
  });

  test('slow noise of each side by itself is not taken for a regression, which other rules do', () => {
    const row = weak.find(({ weather }) => weather.ratePerSecond === 300 && weather.base === 0.03) as Scenario;
    expect(judged(row).rolledBack).toBeLessThanOrEqual(10);
    const argo = contenders.find(({ name }) => name.startsWith('Argo relative'));
    expect(measure(argo ?? sluiceStandard, row, migrations).rolledBack).toBeGreaterThan(10);
  });
});

describe('chance with a seed', () => {
  const mean = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;
  const draws = (draw: () => number) => Array.from({ length: 20_000 }, draw);
  const expectLike = (values: readonly number[], wanted: number, variance: number) => {
    const found = mean(values);
    expect(Math.abs(found - wanted)).toBeLessThan(5 * Math.sqrt(variance / values.length));
    const spread = mean(values.map((one) => (one - found) ** 2));
    expect(spread / variance).toBeGreaterThan(0.93);
    expect(spread / variance).toBeLessThan(1.07);
  };

  test.each([
    [10, 0.3],
    [1_000, 0.001],
    [5_000, 0.02],
    [300, 0.5],
    [300, 0.97],
  ])('draws errors of %d requests at a rate of %d as they would come', (requests, rate) => {
    const random = seeded(1);
    const values = draws(() => random.binomial(requests, rate));
    expectLike(values, requests * rate, requests * rate * (1 - rate));
    expect(values.every((one) => Number.isInteger(one) && one >= 0 && one <= requests)).toBe(true);
  });

  test.each([2.5, 14, 250, 5_000])('draws requests around %d as they would come', (requests) => {
    const random = seeded(2);
    expectLike(
      draws(() => random.poisson(requests)),
      requests,
      requests,
    );
  });

  test('is the same again with the same seed, and another with another', () => {
    const first = (seed: number) => seeded(seed).next();
    expect(first(7)).toBe(first(7));
    expect(first(7)).not.toBe(first(8));
  });
});
