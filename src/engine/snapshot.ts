import { initialContext, type MigrationContext } from '../../state-machines/context.ts';
import { machineVersion, migrationMachine } from '../../state-machines/migration.ts';
import type { Baseline } from '../domain/baseline.ts';
import { type Measured, withMeasured } from '../domain/measured.ts';
import type { MigrationRecord } from '../domain/record.ts';
import type { Spec } from '../domain/spec.ts';
import { UnreadableRecordError } from '../ports/errors.ts';

/** Fields that are younger than records which may still be under way, as those took them. */
const addedToSpec = { routeOrder: 'together', subsets: [], paths: [] } as const satisfies Partial<Spec>;
const addedToAnalysis = {
  profile: 'standard',
  falseAlarm: 0.01,
  max: 0.2,
  latency: null,
  onInsufficient: 'hold',
} as const satisfies Partial<Spec['analysis']>;
const addedToBaseline = { subsets: [] } as const satisfies Partial<Baseline>;

/** What of the machine's snapshot is stored: the rest is computed from it. */
interface StoredSnapshot {
  readonly value: unknown;
  readonly context: MigrationContext;
}

export type MachineSnapshot = ReturnType<typeof migrationMachine.resolveState>;

/** @throws UnreadableRecordError where the snapshot is of a machine that this version does not know */
export function restoreSnapshot(record: MigrationRecord): MachineSnapshot {
  if (record.machineVersion !== machineVersion) {
    throw new UnreadableRecordError(
      `record ${record.name} was written by machine version ${record.machineVersion}, this is ${machineVersion}`,
    );
  }
  const stored = record.snapshot as StoredSnapshot;
  try {
    return migrationMachine.resolveState({ value: stored.value as never, context: contextOf(record) });
  } catch (cause) {
    throw new UnreadableRecordError(`the snapshot of record ${record.name} cannot be restored`, { cause });
  }
}

export function storeSnapshot(snapshot: MachineSnapshot): StoredSnapshot {
  return { value: snapshot.value, context: snapshot.context };
}

/** A record is never changed, and one event reads its context many times. */
const known = new WeakMap<MigrationContext, MigrationContext>();

/**
 * What the version that wrote the record did not know of has its value from the beginning: fields are only ever added under
 * one machine version.
 */
export function contextOf(record: MigrationRecord): MigrationContext {
  const stored = (record.snapshot as StoredSnapshot).context;
  const context = known.get(stored) ?? completed(stored);
  known.set(stored, context);
  return context;
}

function completed(stored: MigrationContext): MigrationContext {
  const analysis = withAdded(stored.spec.analysis, addedToAnalysis);
  const spec = withAdded(analysis === stored.spec.analysis ? stored.spec : { ...stored.spec, analysis }, addedToSpec);
  const baseline = stored.baseline === null ? null : withAdded(stored.baseline, addedToBaseline);
  // A verdict of before there was a cause is of another form; the next look brings one.
  const verdict = stored.verdict !== null && 'cause' in stored.verdict ? stored.verdict : null;
  const context = withAdded(stored, initialContext(stored));
  const isSame = spec === stored.spec && baseline === stored.baseline && verdict === stored.verdict;
  return isSame ? context : { ...context, spec, baseline, verdict };
}

/** The same object where nothing is missing: this is asked for with every commit. */
function withAdded<T extends object>(stored: T, added: Partial<T>): T {
  for (const field in added) if (!(field in stored)) return { ...added, ...stored };
  return stored;
}

/** What this run and those before measured; nothing of a record that says nothing of it. */
export function measuredIn(record: MigrationRecord): readonly Measured[] {
  const { measured, measuredBefore } = contextOf(record);
  return withMeasured(measuredBefore, ...measured);
}

/** `progressing.baking`: the path of the active state. */
export function stateName(value: unknown): string {
  if (typeof value === 'string') return value;
  const [entry] = Object.entries(value as Record<string, unknown>);
  return entry === undefined ? '' : `${entry[0]}.${stateName(entry[1])}`;
}
