import type { BackendMode } from './backend-weights.ts';
import { type Advice, controlTrafficAdvice } from './control-traffic.ts';
import { shapesOf, stepGoal } from './goal.ts';
import type { RouteObservation, SideReading } from './observation.ts';
import { type PaperShift, settle, shareAt, shiftOnPaper, weightsAt } from './paper-shift.ts';
import { type Remedy, remediesFor } from './remedy.ts';
import { nearestPair, smallestShare, type WeightPair } from './share.ts';
import type { Side, Spec, Step } from './spec.ts';
import { planSplit, type SplitPlan } from './split-plan.ts';
import { isSequential, stagesOf } from './stages.ts';
import type { SubsetObservation } from './subset-route.ts';
import { opensAt } from './window.ts';

/** What a migration would do, before it does anything. Shares are in per cent, times are ISO 8601. */
export interface Plan {
  /** When it was made, by the store's clock: the beginning that its times count from. */
  readonly plannedAt: string;
  readonly routes: readonly RoutePlan[];
  readonly subsets: readonly SplitPlan[];
  /** Requests a second that both sides together counted last; null where nobody counted. */
  readonly requestsPerSecond: number | null;
  /** How long a write takes here until it is verified, as a rehearsal or a run before measured it; null: not known. */
  readonly writeMs: number | null;
  readonly advice: readonly Advice[];
}

export interface RoutePlan {
  readonly loadBalancer: string;
  readonly ports: readonly PortPlan[];
}

export interface PortPlan {
  readonly port: number;
  readonly group: string;
  readonly source: SidePlan;
  readonly target: SidePlan;
  /** The smallest share above 0 that any weight pair gives here; null where a side has no backends. */
  readonly smallestShare: number | null;
  readonly steps: readonly StepPlan[];
}

export interface SidePlan {
  readonly backends: number;
  /** Of the first cluster, where there are several. */
  readonly mode: BackendMode;
  /** The weight annotation as it is now, null where it is absent. */
  readonly weight: string | null;
}

export interface StepPlan {
  readonly asked: number;
  /** The pair that comes nearest to what is asked; null where a side has no backends. */
  readonly weights: WeightPair | null;
  readonly achieved: number | null;
  /** Within the tolerance on every port of the route, and no rule forbids the way there. */
  readonly reachable: boolean;
  /** Why it is not, in words; null where it is. */
  readonly reason: string | null;
  /** What each backend would hold at the CLB, in the order in which the Services list them. */
  readonly backendWeights: Readonly<Record<Side, readonly number[]>>;
  /** The side that is written first, and the share until the other follows; null where one write does it all. */
  readonly between: { readonly first: Side; readonly share: number | null } | null;
  /** The sides whose annotation is written, in this order; the route's ports share them. */
  readonly writes: readonly Side[];
  /**
   * Requests that the target gets in this step at the present rate, on all ports together; null where it is unknown. One
   * route after the other, those through the load balancer of this route alone.
   */
  readonly requests: number | null;
  /** When the step can have passed at the earliest; null where no window opens within eight days. */
  readonly earliestEnd: string | null;
  /** Changes that would bring a step that is not reachable nearer, with the share each would give. */
  readonly remedies: readonly Remedy[];
}

export interface PlanQuestion {
  readonly spec: Pick<Spec, 'routes' | 'routeOrder' | 'steps' | 'tolerance' | 'windows'>;
  readonly observations: readonly RouteObservation[];
  readonly splits: readonly SubsetObservation[];
  readonly requestsPerSecond: number | null;
  /** Of each route, in the order of the spec; null where no sample names its load balancer. */
  readonly requestsPerSecondOf: readonly (number | null)[];
  /** How long a write takes here until it is verified; null where nobody measured it: shifts are then taken as instant. */
  readonly writeMs: number | null;
  readonly atMs: number;
}

/** Plans every step of every route from one look at them. */
export function planOf(question: PlanQuestion): Plan {
  const { spec, observations, splits, requestsPerSecond, requestsPerSecondOf, writeMs, atMs } = question;
  const routes = observations.map((observation) => planRoute(observation, spec));
  const shiftMs = (route: number | null, step: number): number =>
    shiftTime(routes, splits, route, step) * (writeMs ?? 0);
  const ends = earliestEnds(spec, atMs, shiftMs);
  const inAll = spec.steps.map((step, index) => exposedRequests(step, index, routes, requestsPerSecond));
  const inOne = routes.map((route, at) =>
    spec.steps.map((step, index) => exposedRequests(step, index, [route], requestsPerSecondOf[at] ?? null)),
  );
  const exposed = (route: number, step: number) => (isSequential(spec) ? inOne[route] : inAll)?.[step] ?? null;
  return {
    plannedAt: new Date(atMs).toISOString(),
    requestsPerSecond,
    writeMs,
    advice: controlTrafficAdvice(spec.steps),
    subsets: splits.map((split) => planSplit(split, spec, { ends: ends.map(({ end }) => end), requestsPerSecond })),
    routes: routes.map((route, at) => ({
      ...route,
      ports: route.ports.map((port) => ({
        ...port,
        steps: port.steps.map((step, index) => ({
          ...step,
          requests: exposed(at, index),
          earliestEnd: endsOf(ends, at)[index] ?? null,
        })),
      })),
    })),
  };
}

/** True when each step of each route can be reached: what `sluice plan` says by its exit code. */
export function isReachable({ routes, subsets }: Plan): boolean {
  const planned = [...routes.flatMap(({ ports }) => ports), ...subsets];
  return planned.every(({ steps }) => steps.every(({ reachable }) => reachable));
}

function planRoute(observation: RouteObservation, spec: PlanQuestion['spec']): RoutePlan {
  const shapes = shapesOf(observation);
  const smallest = smallestShare(shapes);
  let now = settle(observation);
  const steps = spec.steps.map(({ share }) => {
    const planned = planStep(share, now, spec.tolerance);
    now = planned.after;
    return planned;
  });
  const sideOf = (reading: SideReading): SidePlan => ({
    backends: reading.services.reduce((sum, { backends }) => sum + backends.length, 0),
    mode: reading.services[0]?.mode ?? 'eni',
    weight: reading.carrier?.weight ?? null,
  });
  const ports = observation.groups.map(
    ({ port, group }): PortPlan => ({
      port,
      group,
      source: sideOf(observation.source),
      target: sideOf(observation.target),
      smallestShare: smallest,
      steps: steps.map((step) => stepAt(step, port)),
    }),
  );
  return { loadBalancer: observation.route.loadBalancer, ports };
}

/** A step of a route, from the state that the step before leaves to the state that the next begins with. */
interface PlannedStep {
  readonly asked: number;
  readonly weights: WeightPair | null;
  readonly reason: string | null;
  readonly paperShift: PaperShift;
  readonly after: RouteObservation;
  readonly remedies: readonly Remedy[];
}

function planStep(asked: number, now: RouteObservation, tolerance: number): PlannedStep {
  const planned = nearestPair(asked, shapesOf(now));
  if (planned === null) {
    const paperShift = { writes: [], after: [], blockedBy: null };
    return { asked, weights: null, reason: 'a side has no backends', paperShift, after: now, remedies: [] };
  }
  const paperShift = shiftOnPaper(now, stepGoal(now, planned.weights));
  const isNear = planned.missedBy <= tolerance;
  const nearest = [...new Set(planned.achieved.map((share) => share.toFixed(1)))].join(' / ');
  const reason = isNear
    ? paperShift.blockedBy
    : `the nearest share is ${nearest} per cent, ${planned.missedBy.toFixed(1)} points off with ${tolerance} allowed`;
  const remedies = isNear ? [] : remediesFor(asked, now, tolerance);
  return { asked, weights: planned.weights, reason, paperShift, after: paperShift.after.at(-1) ?? now, remedies };
}

function stepAt(step: PlannedStep, port: number): StepPlan {
  const { asked, weights, reason, paperShift, after, remedies } = step;
  const [first] = paperShift.writes;
  const [halfway] = paperShift.after;
  const hasBetween = paperShift.writes.length > 1 && first !== undefined && halfway !== undefined;
  return {
    asked,
    weights,
    achieved: weights === null ? null : shareAt(after, port),
    reachable: reason === null,
    reason,
    backendWeights: { source: weightsAt(after, 'source', port), target: weightsAt(after, 'target', port) },
    between: hasBetween ? { first, share: shareAt(halfway, port) } : null,
    writes: paperShift.writes,
    requests: null,
    earliestEnd: null,
    remedies,
  };
}

interface StageEnd {
  readonly route: number | null;
  readonly end: string | null;
}

/** Of each stage. Gates and verdicts take no time here: nobody knows how long a person takes. */
function earliestEnds(
  spec: PlanQuestion['spec'],
  atMs: number,
  shiftMs: (route: number | null, step: number) => number,
): readonly StageEnd[] {
  let now: number | null = atMs;
  return stagesOf(spec).map(({ step, route }, index) => {
    const begin = now === null ? null : opensAt(spec.windows, now);
    now = begin === null ? null : begin + shiftMs(route, index % spec.steps.length) + step.bakeMs;
    return { route, end: now === null ? null : new Date(now).toISOString() };
  });
}

/** Writes that a shift makes one after the other; routes that move together do so at the same time. */
function shiftTime(
  routes: readonly RoutePlan[],
  splits: readonly SubsetObservation[],
  route: number | null,
  step: number,
): number {
  const moving = routes.filter((_, index) => route === null || route === index);
  const writes = moving.flatMap(({ ports }) => ports.map(({ steps }) => steps[step]?.writes.length ?? 0));
  return Math.max(0, splits.length > 0 ? 1 : 0, ...writes);
}

/** Of each step of one route. */
function endsOf(ends: readonly StageEnd[], index: number): readonly (string | null)[] {
  return ends.filter(({ route }) => route === null || route === index).map(({ end }) => end);
}

/** By the port with the largest share: the gateways count requests, and not by which port they came. */
function exposedRequests(
  { bakeMs }: Step,
  index: number,
  routes: readonly RoutePlan[],
  requestsPerSecond: number | null,
): number | null {
  const shares = routes.flatMap(({ ports }) => ports.map(({ steps }) => steps[index]?.achieved ?? null));
  const known = shares.filter((share) => share !== null);
  if (requestsPerSecond === null || known.length === 0) return null;
  return Math.round((requestsPerSecond * (bakeMs / 1000) * Math.max(...known)) / 100);
}
