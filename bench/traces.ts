import { mkdir, writeFile } from 'node:fs/promises';
import { seeded } from './judge/random.ts';
import { tickMs, traffic, type Weather } from './judge/traffic.ts';

/** Writes the example traces that `sluice judge` is shown on: the same ones in every run. */

interface Example {
  readonly name: string;
  readonly weather: Weather;
  /** Shares one after the other, each with its length in seconds; the first begins at 0. */
  readonly shares: readonly (readonly [share: number, seconds: number])[];
  /** The target gets nothing, whatever it was asked to get. */
  readonly isSilent?: boolean;
}

const usual = { base: 0.001, ratePerSecond: 50 } as const;
const oneStep = [
  [0, 300],
  [10, 600],
] as const;

const examples: readonly Example[] = [
  { name: 'healthy', weather: usual, shares: [...oneStep, [50, 300]] },
  { name: 'plus-5-points', weather: { ...usual, target: (_, common) => common + 0.05 }, shares: oneStep },
  {
    name: 'both-sides-fail',
    weather: { ...usual, common: (second, base) => (second >= 600 ? 0.3 : base) },
    shares: oneStep,
  },
  {
    name: 'worse-at-half',
    weather: { ...usual, target: (second, common) => (second >= 1000 ? common + 0.02 : common) },
    shares: [...oneStep, [50, 300]],
  },
  {
    name: 'low-traffic',
    weather: { base: 0.001, ratePerSecond: 0.5 },
    shares: [
      [0, 300],
      [10, 1500],
    ],
  },
  {
    name: 'silent-target',
    weather: usual,
    shares: [
      [0, 300],
      [10, 300],
    ],
    isSilent: true,
  },
];

export async function run(): Promise<void> {
  const folder = new URL('../examples/traces/', import.meta.url);
  await mkdir(folder, { recursive: true });
  for (const [index, example] of examples.entries()) {
    const lines = linesOf(example, index + 1);
    await writeFile(new URL(`${example.name}.jsonl`, folder), `${lines.join('\n')}\n`);
    console.log(`examples/traces/${example.name}.jsonl: ${lines.length} lines`);
  }
}

function linesOf({ weather, shares, isSilent = false }: Example, seed: number): readonly string[] {
  const next = traffic(weather, seeded(seed), 0);
  return shares.flatMap(([share, seconds]) =>
    Array.from({ length: (seconds * 1000) / tickMs }, (_, index) => {
      const { atMs, source, target } = next(isSilent ? 0 : share);
      // The share stands where it changes, and holds from there on.
      return JSON.stringify({ at: atMs / 1000, source, target, ...(index === 0 ? { share } : {}) });
    }),
  );
}
