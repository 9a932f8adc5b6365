import { type CarrierWeights, type Difference, differencesOfSide, isWritten, type RouteGoal } from './agreement.ts';
import {
  type Nudge,
  type NudgeMark,
  ownBackends,
  type RouteObservation,
  readingOf,
  type ServiceHints,
  type ServiceReading,
  type SideReading,
  syncFailure,
  type WriteMark,
} from './observation.ts';
import { type Side, sides } from './spec.ts';

/** A controller that says nothing for so long after a write is nudged. */
const nudgeAfterMs = 30_000;
/** Its second and third try of what failed come 5 s and 10 s after the one before (reference A8). */
const failurePatienceMs = 20_000;
/** A controller that called a success what is none, and then does not even answer the nudge, gets so long. */
const nudgePatienceMs = 90_000;
/** Pods that come and go explain a difference for so long after a write, and no longer. */
const settlingMsMax = 120_000;
/** A store's clock and a controller's may differ by so much before an event of just after a write is overlooked. */
const clockSlackMs = 5_000;
const differencesShown = 3;

/** What is waited for. Times by the store's clock. */
export interface Waiting {
  readonly atMs: number;
  /** When the shift or the rollback was decided: a mark of before is not of its writes. */
  readonly sinceMs: number;
  /** Of its command: what its nudge is known by, so that there is one an object. */
  readonly revision: number;
  /** So long a processed Service may differ at the CLB before that is taken for more than two looks at one moment. */
  readonly quietMs: number;
  /** A rollback goes on whatever the controller says; a shift does not. */
  readonly isGoingOn: boolean;
}

/** What the cloud controller's own hints say of a difference at the CLB. The CLB says whether there is one (rule 2). */
export type Hint =
  | { readonly kind: 'wait'; readonly text: string }
  /** Once an object and command: any change of an annotation makes the controller reconcile (reference A8). */
  | { readonly kind: 'nudge'; readonly side: Side; readonly mark: NudgeMark; readonly text: string }
  /** Waiting on is of no use. */
  | { readonly kind: 'fail'; readonly text: string };

/** The mark to be left by a write that follows this look. */
export function markFor({ services }: SideReading, atMs: number): WriteMark {
  const readable = services.filter(({ annotations }) => annotations !== null);
  const before = readable.map(({ clusterId, hash, warning }): [string, ServiceHints] => [
    clusterId,
    { hash, warnedAtMs: warning?.atMs ?? null },
  ]);
  return { atMs, before: Object.fromEntries(before), nudge: null };
}

/**
 * The strongest hint of a route: what speaks for giving up before what asks for a nudge, before what only explains.
 * Null where no Service that has its weight differs at the CLB.
 */
export function hintOf(observation: RouteObservation, goal: RouteGoal, waiting: Waiting): Hint | null {
  const hints = sides.flatMap((side) => {
    const reading = readingOf(observation, side);
    if (!isWritten(reading, goal[side])) return [];
    return reading.services.flatMap((service) => serviceHint(observation, side, service, goal[side], waiting) ?? []);
  });
  const strongest = (['fail', 'nudge', 'wait'] as const).flatMap((kind) => hints.filter((hint) => hint.kind === kind));
  return strongest[0] ?? null;
}

function serviceHint(
  observation: RouteObservation,
  side: Side,
  service: ServiceReading,
  goal: CarrierWeights,
  waiting: Waiting,
): Hint | null {
  const reading = readingOf(observation, side);
  const alone = { ...observation, [side]: { ...reading, services: [service] } };
  const differences = differencesOfSide(alone, side, goal);
  // A Service without its weight is the ASM controller's to bring; the cloud controller is not asked yet.
  if (differences.length === 0 || differences.some(({ at }) => at !== 'clb')) return null;
  const written = reading.carrier?.mark ?? null;
  const mark = written !== null && written.atMs >= waiting.sinceMs ? written : null;
  const seen = { observation, side, service, differences, mark, waiting };
  const said = wordsOf(seen);
  const nudged = mark?.nudge?.revision === waiting.revision ? mark.nudge : null;
  const reason = failureOf(seen, nudged);
  if (reason !== null && !waiting.isGoingOn) return { kind: 'fail', text: reason };
  if (nudged === null && (reason !== null || wantsNudge(seen))) {
    return { kind: 'nudge', side, mark: nudgeMark(reading, mark, waiting), text: `${said}: nudged` };
  }
  return { kind: 'wait', text: nudged === null ? said : `${said} (nudged)` };
}

interface Differing {
  readonly observation: RouteObservation;
  readonly side: Side;
  readonly service: ServiceReading;
  readonly differences: readonly Difference[];
  readonly mark: WriteMark | null;
  readonly waiting: Waiting;
}

/** True: the hash label changed since our write; null where what it was before is not known. */
function isProcessed({ service, mark }: Differing): boolean | null {
  const before = mark?.before[service.clusterId];
  return before === undefined || service.hash === null ? null : service.hash !== before.hash;
}

/** Milliseconds since our write, or since the shift began where it wrote nothing here. */
function forMs({ mark, waiting }: Differing): number {
  return waiting.atMs - (mark?.atMs ?? waiting.sinceMs);
}

function wantsNudge(seen: Differing): boolean {
  if (isSettling(seen) || failingSinceMs(seen) !== null) return false;
  return forMs(seen) >= (isProcessed(seen) === true ? seen.waiting.quietMs : nudgeAfterMs);
}

/** Why waiting on is of no use; null while it may be. */
function failureOf(seen: Differing, nudge: Nudge | null): string | null {
  const { service, differences, waiting } = seen;
  const failingMs = failingSinceMs(seen);
  if (failingMs !== null) {
    // The store's clock against the controller's: by our write's own time it is never sooner than the patience.
    const isOver = waiting.atMs - failingMs >= failurePatienceMs && forMs(seen) >= failurePatienceMs;
    return isOver ? `the cloud controller fails for ${nameOf(service)}: ${service.warning?.message ?? ''}` : null;
  }
  // Seen of controllers 2.12.4 to 2.14: an error is lost, and with it the backends (reference A11).
  if (isProcessed(seen) !== true || isSettling(seen) || nudge === null) return null;
  if (waiting.atMs - nudge.atMs < (isProven(seen, nudge) ? waiting.quietMs : nudgePatienceMs)) return null;
  return `the cloud controller reports success for ${nameOf(service)}, and the CLB has it otherwise: ${summary(differences)}`;
}

/**
 * A hash that changed once may be of a reconcile that had begun before our write. One that changed again, after the nudge,
 * is of a reconcile that began when the first had ended: that one has read what we wrote.
 */
function isProven({ service: { clusterId, hash }, mark }: Differing, { hashes }: Nudge): boolean {
  const before = mark?.before[clusterId]?.hash;
  const then = hashes[clusterId];
  return then !== undefined && then !== before && hash !== then;
}

/** Since when the controller fails for the Service, by its own clock; null where it does not, since our write. */
function failingSinceMs({ service: { clusterId, warning }, mark }: Differing): number | null {
  const before = mark?.before[clusterId];
  if (mark === null || before === undefined || warning?.reason !== syncFailure) return null;
  const lastMs = before.warnedAtMs ?? mark.atMs - clockSlackMs;
  if (warning.atMs <= lastMs) return null;
  // An equal warning of before our write is counted up: then only when it was said last is of any use.
  return warning.firstAtMs > lastMs ? warning.firstAtMs : warning.atMs;
}

/**
 * Pods came or went and the controller has not caught up, as far as that goes: not for ever, and not where it has
 * processed our write and a group lost every backend that it should have.
 */
function isSettling(seen: Differing): boolean {
  const { observation, side, service, differences } = seen;
  if (forMs(seen) > settlingMsMax) return false;
  if (service.backends.length === 0) return true;
  const alone = { ...readingOf(observation, side), services: [service] };
  const isEmptied = observation.groups.some((group) =>
    ownBackends(group, alone).every(({ backends }) => backends.length === 0),
  );
  if (isEmptied && isProcessed(seen) === true) return false;
  return differences.some((one) => one.isSettling);
}

function nudgeMark(reading: SideReading, mark: WriteMark | null, { atMs, revision }: Waiting): NudgeMark {
  const now = markFor(reading, atMs);
  const before = { ...now.before, ...mark?.before };
  const hashes = Object.entries(now.before).map(([clusterId, { hash }]) => [clusterId, hash] as const);
  return { atMs: mark?.atMs ?? atMs, before, nudge: { revision, atMs, hashes: Object.fromEntries(hashes) } };
}

function wordsOf(seen: Differing): string {
  const name = nameOf(seen.service);
  if (failingSinceMs(seen) !== null) {
    return `the cloud controller fails for ${name} and tries again: ${seen.service.warning?.message ?? ''}`;
  }
  switch (isProcessed(seen)) {
    case null:
      return `whether the cloud controller has processed ${name} is not known`;
    case false:
      return `the cloud controller has not processed ${name} yet`;
    default:
      return `the cloud controller has processed ${name} (its hash changed), and the CLB still differs`;
  }
}

function nameOf({ namespace, name }: ServiceReading): string {
  return `Service ${namespace}/${name}`;
}

function summary(differences: readonly Difference[]): string {
  const shown = differences.slice(0, differencesShown).map(({ text }) => text);
  const more = differences.length - shown.length;
  return `${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}
