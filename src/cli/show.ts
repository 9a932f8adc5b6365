import picocolors from 'picocolors';
import type { MigrationSummary } from '../api/view-schema.ts';
import { entryLines } from '../domain/entry.ts';
import { leftoverLines } from '../domain/leftover-words.ts';
import { printable } from '../domain/plain-text.ts';
import type { MigrationView } from '../domain/view.ts';

export { printable } from '../domain/plain-text.ts';

/** Only on a terminal: the library would colour pipes as well where CI is set. */
const pc = picocolors.createColors(process.stdout.isTTY === true && picocolors.isColorSupported);

/** Migrations as text for people: the words of the glossary, aligned, nothing that has to be guessed. */

/** `2.9 %`, with one decimal at most; `-` where it is not known. */
export function perCent(share: number | null): string {
  return share === null ? '-' : `${Number(share.toFixed(1))} %`;
}

/** `1h45m39s`, in whole seconds. */
export function elapsed(ms: number): string {
  const all = Math.round(ms / 1000);
  const parts = [
    [Math.floor(all / 3600), 'h'],
    [Math.floor((all % 3600) / 60), 'm'],
    [all % 60, 's'],
  ] as const;
  return parts.flatMap(([count, unit]) => (count === 0 ? [] : [`${count}${unit}`])).join('') || '0s';
}

/** Columns as wide as their widest cell; control characters of foreign texts never reach the terminal. */
export function table(rows: readonly (readonly string[])[]): string {
  const clean = rows.map((row) => row.map(printable));
  const widths = (clean[0] ?? []).map((_, column) => Math.max(...clean.map((row) => (row[column] ?? '').length)));
  return clean
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function colored(state: string): string {
  if (/^(rollingBack|rolledBack|refused)/.test(state)) return pc.yellow(state);
  if (/^stuck/.test(state)) return pc.red(state);
  return /^(completed|closing|closed)/.test(state) ? pc.green(state) : pc.cyan(state);
}

/** The block of `sluice get`. */
export function showView(view: MigrationView): string {
  const { asked, achieved, observed } = view.share;
  const lines: [string, string][] = [
    ['state', colored(printable(view.state))],
    ['step', printable(stepOf(view))],
    ['share', `asked ${perCent(asked)}, achieved ${perCent(achieved)}, observed ${perCent(observed)}`],
    ...labelled('ports', portLines(view)),
    ...labelled('subsets', view.subsets.map(splitLine)),
    ...labelled('differs', view.differences?.split('; ') ?? []),
    ...labelled('verdict', verdictLines(view)),
    ...labelled('probes', probeLines(view)),
    ...labelled('entries', entryLines(view.entries)),
    ...labelled('left', leftoverLines(view.leftovers)),
    ...labelled('gate', gateLines(view)),
    ['waits for', printable(view.waitingFor ?? 'nothing')],
    ...labelled('because', view.reason === null ? [] : [view.reason]),
    ['allowed', view.allowed.length === 0 ? 'nothing' : printable(view.allowed.join(', '))],
    ['changed', printable(`${view.updatedAt} (revision ${view.revision}, run ${view.run})`)],
  ];
  return [pc.bold(printable(view.name)), ...lines.map(([label, text]) => `  ${pc.dim(label.padEnd(9))}  ${text}`)].join(
    '\n',
  );
}

/** One line for where there is no terminal to redraw. */
export function viewLine(view: MigrationSummary): string {
  const { asked, achieved, observed } = view.share;
  const parts = [
    view.updatedAt,
    view.name,
    view.state,
    `step ${stepOf(view)}`,
    `asked ${perCent(asked)}`,
    `achieved ${perCent(achieved)}`,
    `observed ${perCent(observed)}`,
    ...(view.waitingFor === null ? [] : [`waits for ${view.waitingFor}`]),
    ...(view.reason === null ? [] : [`because ${view.reason}`]),
  ];
  return printable(parts.join('  '));
}

export function showList(migrations: readonly MigrationSummary[]): string {
  if (migrations.length === 0) return 'There are no migrations.';
  return table([
    ['NAME', 'STATE', 'STEP', 'ASKED', 'ACHIEVED', 'OBSERVED', 'CHANGED'],
    ...migrations.map(({ name, state, step, steps, share, updatedAt }) => [
      name,
      state,
      `${step}/${steps}`,
      perCent(share.asked),
      perCent(share.achieved),
      perCent(share.observed),
      updatedAt,
    ]),
  ]);
}

function stepOf({ step, steps, route }: MigrationSummary): string {
  return `${step} of ${steps}${route === null ? '' : ` (${route})`}`;
}

function portLines({ ports }: MigrationView): readonly string[] {
  if (ports.length === 0) return [];
  const rows = ports.map(({ loadBalancer, port, group, sourceWeight, targetWeight, asked, share, observed }) => [
    `${loadBalancer}:${port}`,
    group,
    `source ${sourceWeight}`,
    `target ${targetWeight}`,
    `asked ${perCent(asked)}`,
    `achieved ${perCent(share)}`,
    `observed ${perCent(observed)}`,
  ]);
  return table(rows).split('\n');
}

function splitLine({ virtualService, host, weights, share }: MigrationView['subsets'][number]): string {
  return `${virtualService}  ${host}  ${showSplit(weights)}  ${perCent(share)}`;
}

export function showSplit(weights: Readonly<Record<string, number>>): string {
  return Object.entries(weights)
    .map(([subset, weight]) => `${subset} ${weight}`)
    .join(', ');
}

function verdictLines({ verdict }: MigrationView): readonly string[] {
  if (verdict === null) return [];
  const { source, target, noise, others, findings, signals } = verdict;
  const isCounted = source.requests + target.requests > 0;
  const failed = verdict.metric === 'errors' ? 'failed' : 'were slow';
  const count = (side: string, { requests, errors }: typeof source) => `${side} ${errors} of ${requests} ${failed}`;
  const sway = `${perCent(noise.batch * 100)} of the rate from batch to batch, ${perCent(noise.minute * 100)} from minute to minute`;
  return [
    `${verdict.kind}: ${verdict.reason}`,
    ...(isCounted ? [`${count('source', source)}, ${count('target', target)}`] : []),
    ...(noise.batch + noise.minute > 0 ? [`noise of the source: ${sway}`] : []),
    ...others.map((one) => `${one.kind}: ${one.signals === signals ? '' : `${one.signals}: `}${one.reason}`),
    ...findings,
  ];
}

function probeLines({ probes }: MigrationView): readonly string[] {
  if (probes.length === 0) return [];
  const rows = probes.map(({ probe, side, failuresInRow, detail }) => [
    probe,
    side,
    failuresInRow === 0 ? 'good' : `${failuresInRow} failed in a row`,
    detail,
  ]);
  return table(rows).split('\n');
}

function gateLines({ gate, name }: MigrationView): readonly string[] {
  if (gate === null) return [];
  const expiry = gate.expiresAt === null ? '' : `, expires at ${gate.expiresAt}`;
  return [`${gate.id}${expiry}`, `sluice approve ${name} --gate ${gate.id}`];
}

function labelled(label: string, lines: readonly string[]): [string, string][] {
  return lines.map((line, index) => [index === 0 ? label : '', printable(line)]);
}
