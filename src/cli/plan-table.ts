import type { Plan, PortPlan, RoutePlan, SidePlan, StepPlan } from '../domain/plan.ts';
import type { SplitPlan } from '../domain/split-plan.ts';
import { elapsed, perCent, printable, showSplit, table } from './show.ts';

/** A list of backend weights beyond this is cut: `--output json` has all of them. */
const weightsCharactersMax = 18;

/** The plan for people, a block for each port; at most 100 columns wide but for names. */
export function planTable(plan: Plan): string {
  const nowMs = Date.parse(plan.plannedAt);
  const rate = plan.requestsPerSecond;
  const known =
    rate === null
      ? 'Nobody has counted requests yet, so what a step exposes is not known.'
      : `Requests are counted on at ${Number(rate.toFixed(1))} a second, all ports together.`;
  const ports = plan.routes.flatMap((route) => route.ports.map((port) => showPort(route, port, nowMs)));
  const shifts =
    plan.writeMs === null
      ? 'How long a write takes here is not measured (sluice rehearse): shifts count as instant.'
      : `A write takes ${Number((plan.writeMs / 1000).toFixed(1))} s here until it is verified, as measured before.`;
  const subsets = plan.subsets.map((split) => showPlannedSplit(split, nowMs));
  const remarks = [
    known,
    shifts,
    ...plan.advice.flatMap(({ step, text }) => lines(`Advice on step ${step}: ${text}.`)),
  ];
  return [...ports, ...subsets, remarks.join('\n')].join('\n\n');
}

const columnsMax = 100;

/** A text in lines, broken between words. */
function lines(text: string): readonly string[] {
  return (
    printable(text)
      .match(new RegExp(`.{1,${columnsMax}}(?=\\s|$)`, 'g'))
      ?.map((line) => line.trim()) ?? []
  );
}

function showPort({ loadBalancer }: RoutePlan, port: PortPlan, nowMs: number): string {
  const rows = [
    ['ASKED', 'ACHIEVED', 'WEIGHTS', 'SOURCE', 'TARGET', 'BETWEEN', 'WRITES', 'REQUESTS', 'END'],
    ...port.steps.map((step) => stepRow(step, nowMs)),
  ];
  return [
    printable(`${loadBalancer}:${port.port}  ${port.group}  smallest share ${perCent(port.smallestShare)}`),
    ...(['source', 'target'] as const).map((side) => printable(`  ${side}: ${showSide(port[side])}`)),
    ...table(rows)
      .split('\n')
      .map((line) => `  ${line}`),
    ...port.steps.flatMap(refusalLines),
  ].join('\n');
}

function showPlannedSplit({ virtualService, exists, host, to, today, steps }: SplitPlan, nowMs: number): string {
  const rows = [
    ['ASKED', 'ACHIEVED', 'ROUTE WEIGHTS', 'REQUESTS', 'END'],
    ...steps.map(({ asked, achieved, reachable, weights, requests, earliestEnd }) => [
      perCent(asked),
      `${perCent(achieved)}${reachable ? '' : ' (!)'}`,
      weights === null ? '-' : showSplit(weights),
      requests === null ? '-' : String(requests),
      showEnd(earliestEnd, nowMs),
    ]),
  ];
  const now = today === null ? 'cannot be told' : `${showSplit(today.weights)}  (${perCent(today.share)} to ${to})`;
  return [
    printable(`${virtualService}  ${host}${exists ? '' : '  will be made'}`),
    printable(`  today: ${now}`),
    ...table(rows)
      .split('\n')
      .map((line) => `  ${line}`),
    ...steps.flatMap(({ asked, reason }) =>
      reason === null ? [] : [printable(`  (!) ${perCent(asked)} cannot be reached: ${reason}`)],
    ),
  ].join('\n');
}

function showEnd(earliestEnd: string | null, nowMs: number): string {
  return earliestEnd === null ? 'never' : `+${elapsed(Math.max(0, Date.parse(earliestEnd) - nowMs))}`;
}

function showSide({ backends, mode, weight }: SidePlan): string {
  const kind = mode === 'eni' ? 'pod' : 'node';
  const count = `${backends} ${backends === 1 ? kind : `${kind}s`}`;
  return `${count} (${mode}), ${weight === null ? 'no weight annotation' : `weight "${weight}"`}`;
}

function stepRow(step: StepPlan, nowMs: number): readonly string[] {
  const { asked, achieved, weights, backendWeights, between, writes, requests, earliestEnd } = step;
  return [
    perCent(asked),
    `${perCent(achieved)}${step.reachable ? '' : ' (!)'}`,
    weights === null ? '-' : `${weights.source}/${weights.target}`,
    showWeights(backendWeights.source),
    showWeights(backendWeights.target),
    between === null ? '-' : perCent(between.share),
    writes.length === 0 ? 'none' : writes.join(', '),
    requests === null ? '-' : String(requests),
    showEnd(earliestEnd, nowMs),
  ];
}

/** `5,2x2`: equal neighbours are counted. */
export function showWeights(weights: readonly number[]): string {
  const runs: { weight: number; count: number }[] = [];
  for (const weight of weights) {
    const last = runs.at(-1);
    if (last?.weight === weight) last.count += 1;
    else runs.push({ weight, count: 1 });
  }
  const text = runs.map(({ weight, count }) => (count === 1 ? `${weight}` : `${count}x${weight}`)).join(',');
  return text.length > weightsCharactersMax ? `${text.slice(0, weightsCharactersMax - 3)}...` : text || '-';
}

function refusalLines({ asked, reason, remedies }: StepPlan): readonly string[] {
  if (reason === null) return [];
  return [
    `  (!) ${perCent(asked)} cannot be reached: ${reason}`,
    ...remedies.map(
      ({ text, achieved, reachable }) =>
        `      ${reachable ? 'reached' : 'nearer '} with ${text}: ${perCent(achieved)}`,
    ),
    ...(remedies.length === 0 ? ['      no change of the backends that Sluice knows would bring it nearer'] : []),
  ].map(printable);
}
