import type { Weather } from './traffic.ts';

/** What the bench runs, after the tables of the reference (judge.md 2.4 and 2.5). */
export interface Scenario {
  readonly name: string;
  readonly weather: Weather;
}

const bases = [0.001, 0.01] as const;
const rates = [0.5, 5, 50, 1000] as const;

function each(make: (base: number, ratePerSecond: number) => Scenario, some: readonly number[] = rates): Scenario[] {
  return bases.flatMap((base) => some.map((rate) => make(base, rate)));
}

function named(base: number, ratePerSecond: number, what = ''): string {
  return `${base * 100} %, ${ratePerSecond} rps${what}`;
}

export const healthy: readonly Scenario[] = each((base, ratePerSecond) => ({
  name: named(base, ratePerSecond),
  weather: { base, ratePerSecond },
}));

const within = (from: number, to: number, rate: number) => (second: number, base: number) =>
  second >= from && second < to ? rate : base;

export const common: readonly Scenario[] = [
  ...[5, 50, 1000].map((ratePerSecond) => ({
    name: named(0.001, ratePerSecond, ', 2 min of 100 %'),
    weather: { base: 0.001, ratePerSecond, common: within(120, 240, 1) },
  })),
  {
    name: named(0.001, 50, ', 4 min of 20 %'),
    weather: { base: 0.001, ratePerSecond: 50, common: within(60, 300, 0.2) },
  },
  {
    name: named(0.01, 1000, ', 4 min of 20 %'),
    weather: { base: 0.01, ratePerSecond: 1000, common: within(60, 300, 0.2) },
  },
  {
    name: named(0.001, 200, ', every other minute 20 %'),
    weather: {
      base: 0.001,
      ratePerSecond: 200,
      common: (second, base) => (second >= 0 && Math.floor(second / 60) % 2 === 1 ? 0.2 : base),
    },
  },
];

export const noise: readonly Scenario[] = [
  ...[5, 50, 1000].map((ratePerSecond) => ({
    name: named(0.01, ratePerSecond, ', each tick and side by itself (sd 0.7)'),
    weather: { base: 0.01, ratePerSecond, drift: { sd: 0.7, memory: 0 } },
  })),
  ...[5, 50].map((ratePerSecond) => ({
    name: named(0.001, ratePerSecond, ', bursts of 60 over both sides'),
    weather: { base: 0.001, ratePerSecond, bursts: { requests: 60, every: 300, spread: true } },
  })),
  {
    name: named(0.001, 50, ', bursts of 60 in one connection'),
    weather: { base: 0.001, ratePerSecond: 50, bursts: { requests: 60, every: 300, spread: false } },
  },
];

export const weak: readonly Scenario[] = [
  ...[0.3, 0.6].flatMap((sd) =>
    [0.003, 0.03].flatMap((base) =>
      [20, 300].map((ratePerSecond) => ({
        name: named(base, ratePerSecond, `, slow noise of each side (sd ${sd})`),
        weather: { base, ratePerSecond, drift: { sd, memory: 60 } },
      })),
    ),
  ),
  ...[0.003, 0.03].map((base) => ({
    name: named(base, 300, ', hiccup of the target: 30 s of 5 %'),
    weather: { base, ratePerSecond: 300, target: within(150, 180, 0.05) },
  })),
];

export interface Regression {
  readonly name: string;
  readonly rows: readonly Scenario[];
}

const plus = (points: number) => (_: number, common: number) => Math.min(1, common + points / 100);
const times = (factor: number) => (_: number, common: number) => Math.min(1, common * factor);

function regression(name: string, target: (second: number, common: number) => number): Regression {
  return {
    name,
    rows: each((base, ratePerSecond) => ({
      name: named(base, ratePerSecond),
      weather: { base, ratePerSecond, target },
    })),
  };
}

export const regressions: readonly Regression[] = [
  regression('+50 points', plus(50)),
  regression('+5 points', plus(5)),
  regression('+1 point', plus(1)),
  regression('5 times', times(5)),
  regression('twice', times(2)),
];

const late = (from: number) => (second: number, common: number) =>
  second < from ? common : Math.min(1, common + 0.05);

export const lateRegressions: readonly Scenario[] = [
  {
    name: 'from 150 s on',
    weather: { base: 0.001, ratePerSecond: 50, target: late(150) },
  },
  {
    name: 'right after 2 min in which both sides fail',
    weather: { base: 0.001, ratePerSecond: 50, common: within(60, 180, 1), target: late(180) },
  },
];
