import { measure, type Row } from './measure.ts';
import { type Contender, contenders, remedies, sluiceStandard } from './rules.ts';
import { common, healthy, lateRegressions, noise, regressions, type Scenario, weak } from './scenarios.ts';

/** The tables of docs/judge.md, each from whole migrations. */

export function falseRollbacks(migrations: number): string {
  const groups: readonly (readonly Scenario[])[] = [healthy, common, noise];
  const rows = contenders.map((contender) => {
    const cells = groups.map((group) => meanAndMax(group.map((one) => measure(contender, one, migrations).rolledBack)));
    const busy = healthy.filter(({ weather }) => weather.ratePerSecond >= 50);
    const times = busy.map((one) => measure(contender, one, migrations).healthySeconds ?? Number.NaN);
    return [contender.name, ...cells, minutes(Math.max(...times.filter(Number.isFinite)))];
  });
  const head = [
    'rule',
    `healthy, ${healthy.length} rows`,
    `both sides fail, ${common.length} rows`,
    `noise, ${noise.length} rows`,
  ];
  return table([...head, 'healthy, from 50 rps on'], rows);
}

export function missed(migrations: number): string {
  const rows = contenders.map((contender) => [
    contender.name,
    ...regressions.map(({ rows: all }) =>
      [all.filter(isBusy), all.filter((one) => !isBusy(one))]
        .map((part) => part.map((one) => measure(contender, one, migrations)))
        .map(
          (part) =>
            `${number(mean(part.map(({ completed }) => completed)))} (${number(mean(part.map(({ held }) => held)))})`,
        )
        .join(' / '),
    ),
  ]);
  return table(['rule', ...regressions.map(({ name }) => name)], rows);
}

function isBusy({ weather }: Scenario): boolean {
  return weather.ratePerSecond >= 5;
}

/** Failed requests and seconds until the rollback, for the usual error rate of 0.1 per cent. */
export function costs(migrations: number): string {
  const columns = regressions
    .slice(0, 3)
    .flatMap(({ name, rows }) =>
      rows
        .filter((one) => one.weather.base === 0.001 && isBusy(one))
        .map((one) => ({ ...one, name: `${one.weather.ratePerSecond} rps ${name}` })),
    );
  const rows = contenders.map((contender) => [
    contender.name,
    ...columns.map((one) => costOf(measure(contender, one, migrations))),
  ]);
  return table(['rule', ...columns.map(({ name }) => name)], rows);
}

function costOf({ rollback, rolledBack }: Row): string {
  if (rollback === null) return '-';
  const part = rolledBack < 99.5 ? ` (${number(rolledBack)} %)` : '';
  return `${Math.round(rollback.excess)} / ${rollback.seconds}${part}`;
}

export function everyRow(migrations: number): string {
  const rows = [
    ...healthy.map((one) => [`healthy: ${one.name}`, one] as const),
    ...common.map((one) => [`both: ${one.name}`, one] as const),
    ...noise.map((one) => [`noise: ${one.name}`, one] as const),
    ...weak.map((one) => [`weak: ${one.name}`, one] as const),
    ...regressions.flatMap(({ name, rows: all }) => all.map((one) => [`${name}: ${one.name}`, one] as const)),
    ...lateRegressions.map((one) => [`+5 points ${one.name}`, one] as const),
  ];
  const profiles = contenders.slice(0, 2);
  return table(
    ['row', ...profiles.flatMap(({ name }) => [`${name}: back / held / done`, 'rolled back after', 'done after'])],
    rows.map(([name, one]) => [
      name,
      ...profiles.flatMap((contender) => {
        const { rolledBack, held, completed, rollback, healthySeconds } = measure(contender, one, migrations);
        return [
          [rolledBack, held, completed].map(number).join(' / '),
          rollback === null ? '-' : `${rollback.seconds} s`,
          healthySeconds === null ? '-' : minutes(healthySeconds),
        ];
      }),
    ]),
  );
}

export function weakRows(migrations: number): string {
  return table(
    ['row', ...contenders.map(({ name }) => name)],
    weak.map((one) => [
      one.name,
      ...contenders.map((contender) => number(measure(contender, one, migrations).rolledBack)),
    ]),
  );
}

/** What was tried against slow noise, and what it costs where there is none. */
export function triedRemedies(migrations: number): string {
  const slow = weak.filter(({ weather }) => weather.drift !== undefined);
  const prices = regressions
    .slice(1, 3)
    .flatMap(({ name, rows }) =>
      rows
        .filter(({ weather }) => weather.ratePerSecond === 5 || weather.ratePerSecond === 50)
        .map((one) => ({ name: `${name} at ${one.name}`, one })),
    );
  const contenderOf = (one: Contender) => (one.name.endsWith('(in use)') ? sluiceStandard : one);
  const rows = [
    ...slow.map((one) => [
      one.name,
      ...remedies.map((remedy) => `${number(measure(contenderOf(remedy), one, migrations).rolledBack)} %`),
    ]),
    ...prices.map(({ name, one }) => [
      name,
      ...remedies.map((remedy) => {
        const { rollback, rolledBack } = measure(contenderOf(remedy), one, migrations);
        return rollback === null
          ? 'held'
          : `${rollback.seconds} s${rolledBack < 99.5 ? ` (${number(rolledBack)} %)` : ''}`;
      }),
    ]),
  ];
  return table(['row', ...remedies.map(({ name }) => name)], rows);
}

export interface Goal {
  readonly name: string;
  readonly found: string;
  readonly isReached: boolean;
}

/** The goals of the reference (judge.md 2.6) that whole migrations show, standard profile. */
export function goals(migrations: number): readonly Goal[] {
  const row = (one: Scenario) => measure(sluiceStandard, one, migrations);
  const worst = Math.max(...[...healthy, ...common, ...noise].map((one) => row(one).rolledBack));
  const harmful = regressions.slice(0, 3).flatMap(({ rows }) => rows);
  const completed = Math.max(...harmful.map((one) => row(one).completed));
  const slow = weak.filter(({ weather }) => weather.drift?.sd === 0.3);
  const swaying = Math.max(...slow.map((one) => row(one).rolledBack));
  const five = rowAt(1, 50);
  const fifty = rowAt(0, 1000);
  const busy = healthy
    .filter(({ weather }) => weather.ratePerSecond >= 50)
    .map((one) => row(one).healthySeconds ?? Number.POSITIVE_INFINITY);
  function rowAt(kind: number, ratePerSecond: number): Row['rollback'] {
    const found = regressions[kind]?.rows.find(
      ({ weather }) => weather.base === 0.001 && weather.ratePerSecond === ratePerSecond,
    );
    return found === undefined ? null : row(found).rollback;
  }
  const goal = (name: string, found: string, isReached: boolean): Goal => ({ name, found, isReached });
  return [
    goal(
      'false rollbacks in every healthy, outage, burst and noise row: at most 1 %',
      `${number(worst)} %`,
      worst <= 1,
    ),
    goal('+1 point and more completed: never', `${number(completed)} %`, completed === 0),
    goal(
      '+5 points at 50 rps: at most 60 s and 15 failed requests',
      five === null ? 'none' : `${five.seconds} s, ${Math.round(five.excess)}`,
      five !== null && five.seconds <= 60 && five.excess <= 15,
    ),
    goal(
      '+50 points at 1000 rps: at most 25 s',
      fifty === null ? 'none' : `${fifty.seconds} s`,
      fifty !== null && fifty.seconds <= 25,
    ),
    goal(
      'healthy from 50 rps on: 15 minutes',
      busy.map(minutes).join(', '),
      busy.every((seconds) => seconds < 15.5 * 60),
    ),
    goal('slow noise of each side, sd 0.3: at most 2 % false rollbacks', `${number(swaying)} %`, swaying <= 2),
  ];
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, index) => (index === 0 ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

export function number(value: number): string {
  return String(Number(value.toFixed(value < 10 ? 2 : 1)));
}

function meanAndMax(values: readonly number[]): string {
  return `${number(mean(values))} (${number(Math.max(...values))})`;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function minutes(seconds: number): string {
  return `${number(seconds / 60)} min`;
}
