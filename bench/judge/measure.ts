import { type Ending, migrate } from './migrate.ts';
import type { Contender } from './rules.ts';
import type { Scenario } from './scenarios.ts';
import type { Weather } from './traffic.ts';

/** How a row of migrations ended. */
export interface Row {
  /** Per cent of the migrations. */
  readonly rolledBack: number;
  readonly held: number;
  readonly completed: number;
  /** Medians over those that were rolled back, and over those that completed; null without any. */
  readonly rollback: { readonly seconds: number; readonly excess: number } | null;
  readonly healthySeconds: number | null;
}

const known = new Map<Weather, Map<string, Row>>();

/** The same seeds for every rule and row; what was measured once is not measured again. */
export function measure(contender: Contender, scenario: Scenario, migrations: number): Row {
  const rows = known.get(scenario.weather) ?? new Map<string, Row>();
  known.set(scenario.weather, rows);
  const before = rows.get(contender.name);
  if (before !== undefined) return before;
  const endings = Array.from({ length: migrations }, (_, index) =>
    migrate(contender.make(scenario.weather), scenario.weather, 1_000 + index, contender.bakes),
  );
  const row = rowOf(endings);
  rows.set(contender.name, row);
  return row;
}

function rowOf(endings: readonly Ending[]): Row {
  const ended = (end: Ending['end']) => endings.filter((one) => one.end === end);
  const part = (end: Ending['end']) => (100 * ended(end).length) / endings.length;
  const back = ended('rolledBack');
  const completed = ended('completed');
  return {
    rolledBack: part('rolledBack'),
    held: part('held'),
    completed: part('completed'),
    rollback:
      back.length === 0
        ? null
        : { seconds: median(back.map(({ seconds }) => seconds)), excess: median(back.map(({ excess }) => excess)) },
    healthySeconds: completed.length === 0 ? null : median(completed.map(({ seconds }) => seconds)),
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
