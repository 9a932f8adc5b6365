import type { Backend } from './backend-weights.ts';
import { type EndpointReading, type RouteObservation, readingOf, type ServiceReading } from './observation.ts';
import { type BackendSet, nearestPair, type PortShape } from './share.ts';
import type { Side } from './spec.ts';

export type RemedyKind = 'eni-backends' | 'local-policy' | 'fewer-target-replicas' | 'backend-label';

/** A change of the backends that brings a step nearer to what it asks, counted through and not just recommended. */
export interface Remedy {
  readonly kind: RemedyKind;
  readonly sides: readonly Side[];
  /** Ready replicas, or nodes with the label, that a side is to have in each cluster; null where nothing is counted. */
  readonly count: number | null;
  /** Per cent that the step would then give. */
  readonly achieved: number;
  /** Is that within the tolerance? */
  readonly reachable: boolean;
  readonly text: string;
}

/** The backends of a Service after a change; null where the change does not apply, or cannot be told. */
type Change = (service: ServiceReading) => BackendSet | null;

const eitherThenBoth: readonly (readonly Side[])[] = [['target'], ['source'], ['source', 'target']];
/** Less than this is no help to anybody: points of share. */
const helpMin = 0.05;

/**
 * What would help a step that misses its tolerance, each kind of change once: on as few sides as reach it, with as many
 * backends as still reach it. What would not bring it nearer is left out.
 *
 * @source the remedies are those of reference E5
 */
export function remediesFor(asked: number, observation: RouteObservation, tolerance: number): readonly Remedy[] {
  const question = { asked, observation, tolerance };
  const replicas = Math.max(
    0,
    ...readingOf(observation, 'target').services.map(({ backends }) => podsBehind(backends)),
  );
  const nodes = (on: readonly Side[]): number =>
    Math.max(0, ...on.flatMap((side) => readingOf(observation, side).services.map(({ backends }) => backends.length)));
  const trials: readonly (readonly Trial[])[] = [
    eitherThenBoth.map((sides): Trial => ({ kind: 'eni-backends', sides, count: null, change: asEni })),
    eitherThenBoth.map((sides): Trial => ({ kind: 'local-policy', sides, count: null, change: asLocal })),
    below(replicas).map(
      (count): Trial => ({ kind: 'fewer-target-replicas', sides: ['target'], count, change: withReplicas(count) }),
    ),
    eitherThenBoth.flatMap((sides) =>
      below(nodes(sides)).map((count): Trial => ({ kind: 'backend-label', sides, count, change: withLabel(count) })),
    ),
  ];
  const missedNow =
    nearestPair(
      asked,
      shapesWith(observation, [], () => null),
    )?.missedBy ?? Number.POSITIVE_INFINITY;
  return trials.flatMap((kind) => best(question, kind, missedNow));
}

interface Question {
  readonly asked: number;
  readonly observation: RouteObservation;
  readonly tolerance: number;
}

interface Trial {
  readonly kind: RemedyKind;
  readonly sides: readonly Side[];
  readonly count: number | null;
  readonly change: Change;
}

/** The first trial that reaches the step, else the one that comes nearest; none where none comes nearer than now. */
function best({ asked, observation, tolerance }: Question, trials: readonly Trial[], missedNow: number): Remedy[] {
  let nearest: { readonly trial: Trial; readonly achieved: number; readonly missedBy: number } | null = null;
  for (const trial of trials) {
    if (!applies(observation, trial)) continue;
    const planned = nearestPair(asked, shapesWith(observation, trial.sides, trial.change));
    if (planned === null) continue;
    const isReached = planned.missedBy <= tolerance;
    if (!isReached && planned.missedBy >= (nearest?.missedBy ?? missedNow) - helpMin) continue;
    const farthest = [...planned.achieved].sort((a, b) => Math.abs(b - asked) - Math.abs(a - asked))[0] ?? 0;
    nearest = { trial, achieved: farthest, missedBy: planned.missedBy };
    if (isReached) break;
  }
  if (nearest === null) return [];
  const { trial, achieved, missedBy } = nearest;
  const { kind, sides, count } = trial;
  return [{ kind, sides, count, achieved, reachable: missedBy <= tolerance, text: textOf(trial) }];
}

/** Every side that a trial names must be changed by it: else it is another trial. */
function applies(observation: RouteObservation, { sides, change }: Trial): boolean {
  return sides.every((side) => readingOf(observation, side).services.some((service) => change(service) !== null));
}

function shapesWith(observation: RouteObservation, on: readonly Side[], change: Change): readonly PortShape[] {
  const setsOf = (side: Side): readonly BackendSet[] =>
    readingOf(observation, side).services.map((service) => (on.includes(side) ? change(service) : null) ?? service);
  // The weight belongs to the Service and its backends are the same behind every port.
  return observation.groups.slice(0, 1).map(() => ({ source: setsOf('source'), target: setsOf('target') }));
}

function asEni({ mode, readyPods }: ServiceReading): BackendSet | null {
  if (mode === 'eni' || readyPods === 0) return null;
  return { mode: 'eni', backends: numbered(readyPods) };
}

function asLocal(service: ServiceReading): BackendSet | null {
  if (service.mode === 'local' || service.endpoints.length === 0) return null;
  const nodes = podsByNode(service.endpoints);
  // On virtual nodes a pod is a backend of its own in either mode, and only the nodes' own pods can be counted together.
  if (nodes === null || service.backends.some(({ isEci }) => isEci === true)) return null;
  return { mode: 'local', backends: [...nodes].map(([address, pods]) => ({ address, pods })) };
}

/** So many replicas, spread evenly over the nodes that have one now. */
function withReplicas(count: number): Change {
  return ({ mode, backends }) => {
    // In Cluster mode every node is a backend, however many pods there are.
    if (mode === 'cluster' || backends.some(({ isEci }) => isEci === true)) return null;
    if (mode === 'eni') return count < backends.length ? { mode, backends: backends.slice(0, count) } : null;
    if (count >= podsBehind(backends)) return null;
    const nodes = backends.slice(0, count);
    const podsAt = (index: number): number => Math.ceil((count - index) / nodes.length);
    return { mode, backends: nodes.map(({ address }, index) => ({ address, pods: podsAt(index) })) };
  };
}

function podsBehind(backends: readonly Backend[]): number {
  return backends.reduce((sum, { pods }) => sum + pods, 0);
}

/** So many nodes that carry the label; pods on virtual nodes stay, whatever the label. */
function withLabel(count: number): Change {
  return ({ mode, backends }) => {
    const nodes = backends.filter(({ isEci }) => isEci !== true);
    if (mode !== 'cluster' || count >= nodes.length) return null;
    return { mode, backends: [...nodes.slice(0, count), ...backends.filter(({ isEci }) => isEci === true)] };
  };
}

function podsByNode(endpoints: readonly EndpointReading[]): ReadonlyMap<string, number> | null {
  const nodes = new Map<string, number>();
  for (const { node } of endpoints) {
    if (node === null) return null;
    nodes.set(node, (nodes.get(node) ?? 0) + 1);
  }
  return nodes;
}

function numbered(count: number): readonly Backend[] {
  return Array.from({ length: count }, (_, index) => ({ address: `${index}`, pods: 1 }));
}

/** `count - 1` down to 1. */
function below(count: number): readonly number[] {
  return Array.from({ length: Math.max(0, count - 1) }, (_, index) => count - 1 - index);
}

function textOf({ kind, sides, count }: Trial): string {
  const on = sides.length === 2 ? 'both sides' : `the ${sides[0]}`;
  const of = (one: string, many: string): string => `${count} ${count === 1 ? one : many}`;
  switch (kind) {
    case 'eni-backends':
      return `ENI backends for ${on}`;
    case 'local-policy':
      return `externalTrafficPolicy Local for ${on}`;
    case 'fewer-target-replicas':
      return `${of('ready replica', 'ready replicas')} of the target`;
    case 'backend-label':
      return `a backend label that leaves ${of('node', 'nodes')} to ${on}`;
    default:
      return kind satisfies never;
  }
}
