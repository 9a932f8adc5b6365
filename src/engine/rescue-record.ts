import type { Baseline } from '../domain/baseline.ts';
import type { MigrationRecord } from '../domain/record.ts';
import type { Spec } from '../domain/spec.ts';
import { stagesOf } from '../domain/stages.ts';

/**
 * What the watchdog takes from a record. The machine's snapshot is read as the plain JSON that it is: a record of another
 * machine version, or one that the machine stumbles over, is brought back all the same (rule 9).
 */
export interface Rescuable {
  readonly baseline: Baseline;
  readonly probes: Spec['probes'];
  readonly channels: readonly string[];
  /** A person's word that the rollback goes past the guards of rule 5. */
  readonly isForced: boolean;
  /** Of the stages, as the machine counts. */
  readonly step: number;
  readonly steps: Spec['steps'];
}

/** Traffic may be split there: not before the first step, and not when a migration has arrived. */
const splitStates = /^(progressing\..+|held|paused|rollingBack|tryingGlass|stuck)$/;

/**
 * A rollback commits with every look, at least each few seconds: where one is under way and stays silent for so long,
 * nobody carries it out, although somebody (a person's command, a watchdog that was frozen) committed since.
 */
const rescueSilenceMs = 30_000;

/**
 * The watchdog is responsible for the record as long as this is not null.
 * @param isFound something was done to its objects without the store: then also of one that had arrived
 */
export function rescuableOf(record: MigrationRecord, isFound = false): Rescuable | null {
  const isBegun = isFound || isTaken(record);
  const isOpen = splitStates.test(record.state) || (isBegun && isArrived(record));
  if (record.isFinal || !isOpen) return null;
  const context = (record.snapshot as { readonly context?: Partial<StoredContext> } | null)?.context;
  const baseline = context?.baseline ?? null;
  if (baseline === null) return null;
  const { probes, notify, steps = [], routes = [], routeOrder = 'together' } = context?.spec ?? {};
  return {
    // A version before knew no subsets.
    baseline: { ...baseline, subsets: baseline.subsets ?? [] },
    probes: probes ?? [],
    channels: notify ?? [],
    isForced: context?.isForced === true,
    step: context?.step ?? -1,
    steps: stagesOf({ steps, routes, routeOrder }).map(({ step }) => step),
  };
}

/** All of it is at the target, and stays there whatever happens to the engine. */
export function isArrived({ state }: MigrationRecord): boolean {
  return state === 'completed' || state === 'closing';
}

/** By a claim that no engine has met yet. */
function isTaken({ rescue }: MigrationRecord): boolean {
  return rescue !== undefined && rescue.phase !== 'met';
}

interface StoredContext {
  readonly baseline: Baseline | null;
  readonly spec: Partial<Pick<Spec, 'probes' | 'notify' | 'steps' | 'routes' | 'routeOrder'>>;
  readonly isForced: boolean;
  readonly step: number;
}

/** True where nobody has cared for it for so long that the watchdog must. Times by the store's clock. */
export function isAbandoned(record: MigrationRecord, { baseline }: Rescuable, nowMs: number): boolean {
  const { rescue, state } = record;
  // What was brought back stays so: the engine closes it when it is back.
  if (rescue?.phase === 'restored') return false;
  if (rescue?.phase === 'left') return true;
  // One that is stuck is looked at as seldom as the watch interval says.
  const isUnderWay = rescue !== undefined && state !== 'stuck';
  const limitMs = isUnderWay ? Math.min(rescueSilenceMs, baseline.patience.deadManMs) : baseline.patience.deadManMs;
  return nowMs - record.updatedAtMs > limitMs;
}

/** `5m`, `90s`: in the words of the migration file. */
export function inWords(ms: number): string {
  return ms % 60_000 === 0 ? `${ms / 60_000}m` : `${Math.round(ms / 1_000)}s`;
}
