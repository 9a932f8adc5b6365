import type { Patch } from './bundle.ts';
import { soakOnLanes } from './lanes.ts';
import type { Soaked } from './soak.ts';

interface Mutant {
  readonly patches: readonly Patch[];
  /** Whether the modelled clusters refuse a lower fence: the guard of the Kubernetes adapter, which is not run here. */
  readonly isFenceChecked: boolean;
}

const patched = (...patches: readonly Patch[]): Mutant => ({ patches, isFenceChecked: true });

/** Engines with one mistake each, every one of which the rules must notice. */
export const mutants = {
  'order-swapped': patched({
    file: 'src/domain/shift.ts',
    find: 'of inOrder(observation, goal, unwritten))',
    replace: 'of [...inOrder(observation, goal, unwritten)].reverse())',
  }),
  'fence-off': { patches: [], isFenceChecked: false },
  'verify-skipped': patched({
    file: 'src/domain/shift.ts',
    find: 'if (onTheWay.length > 0 && (unwritten.length === 0',
    replace:
      "if (unwritten.length === 0) return { kind: 'verified' };\n  if (onTheWay.length > 0 && (unwritten.length === 0",
  }),
  'acknowledged-early': patched({
    file: 'src/engine/advance.ts',
    find: 'const outbox = fired.record.outbox.map(',
    replace:
      "const outbox = fired.record.outbox.filter(({ id, effect }) => effect.type !== 'deliver' || !taken.some((one) => one.id === id)).map(",
  }),
  'verdict-late': patched({
    file: 'state-machines/assessment.ts',
    find: "if (look.verdict.kind === 'fail')",
    replace: "if (context.verdict?.kind === 'fail')",
  }),
  'claims-dropped': patched(
    { file: 'src/engine/claims.ts', find: 'if (held === null) return;', replace: 'if (held !== undefined) return;' },
    { file: 'src/engine/preflight.ts', find: 'if (held !== null) {', replace: 'if (held === undefined) {' },
  ),
  'lease-dropped': patched({
    file: 'src/engine/exclusively.ts',
    find: 'if (!(await store.lease(thing, holder, leaseMs))) return false;',
    replace: '',
  }),
  // Those below were thought of later: what is not named here will be tried, too.
  'way-back-not-kept': patched({
    file: 'src/engine/carry-out.ts',
    find: 'await ports.router.keepBaseline(context.spec.name, baseline, fence);',
    replace: '',
  }),
  'glass-at-once': patched({
    file: 'src/engine/restore.ts',
    find: 'const isGlassTime = restoring.forMs > restoring.baseline.patience.breakGlassMs;',
    replace: 'const isGlassTime = restoring.forMs >= 0;',
  }),
  'capacity-ignored': patched({
    file: 'src/domain/shift.ts',
    find: 'if (before === null || now >= before || options.isPatienceOver || options.isForced) return null;',
    replace: 'if (before !== now || before === now) return null;',
  }),
  'living-claimed': patched({
    file: 'src/engine/rescue-record.ts',
    find: 'return nowMs - record.updatedAtMs > limitMs;',
    replace: 'return nowMs - record.updatedAtMs > limitMs / 10;',
  }),
  'pulled-back-again': patched({
    file: 'state-machines/assessment.ts',
    find: 'const isAnswered = context.answeredDrift === look.cause;',
    replace: "const isAnswered = context.answeredDrift === 'nothing';",
  }),
  'not-sealed': patched({
    file: 'src/engine/way-back.ts',
    find: 'await seal(ports.router, context.baseline as Baseline, record.revision, command.revision);',
    replace: 'seal !== undefined;',
  }),
  'lost-race-ignored': patched({
    file: 'src/engine/advance.ts',
    find: 'if (await ports.store.commit(next, stored.revision, history)) return { ...updated, next };',
    replace: 'await ports.store.commit(next, stored.revision, history);\n    return { ...updated, next };',
  }),
  'undone-late': patched({
    file: 'src/engine/advance.ts',
    find: 'const fired = fireTimers(current, atMs) ?? { record: current, history: [] };\n    const stepped',
    replace: 'const fired = { record: current, history: [] };\n    const stepped',
  }),
  'counts-of-before': patched({
    file: 'src/engine/judged-step.ts',
    find: 'fromMs: verifiedAtMs + spec.settleMs,',
    replace: 'fromMs: (context.baseline?.takenAtMs ?? 0) + spec.settleMs,',
  }),
  'window-ignored': patched({
    file: 'state-machines/vocabulary.ts',
    find: '!isOpen(context.spec.windows, event.at),',
    replace: '!isOpen([], event.at),',
  }),
  'absent-after-rollback': patched({
    file: 'src/domain/baseline.ts',
    find: 'return { source: baseline.source, target: baseline.target };',
    replace:
      "const asDefault = baseline.source.weight === '100' ? { ...baseline.source, weight: null } : baseline.source;\n  return { source: asDefault, target: baseline.target };",
  }),
  'split-fence-off': patched({
    file: 'src/adapters/kubernetes/fence.ts',
    find: 'if (found !== null && found > own) {',
    replace: 'if (found !== null && found < 0) {',
  }),
  'split-not-sealed': patched({
    file: 'src/engine/seal.ts',
    find: 'for (const { route, split } of baseline.subsets) {',
    replace: 'for (const { route, split } of baseline.subsets.slice(baseline.subsets.length)) {',
  }),
  'split-not-restored': patched({
    file: 'src/engine/restore.ts',
    find: 'kept: baseline.subsets, fence,',
    replace: 'kept: [], fence,',
  }),
  'split-onto-nobody': patched({
    file: 'src/domain/split.ts',
    find: 'if (dark.length > 0 && !options.isForced) {',
    replace: 'if (dark.length > 99) {',
  }),
  'split-at-once': patched({
    file: 'src/domain/split.ts',
    find: "if (!isShrunken) return { kind: 'write', split: goal };",
    replace: "if (goal !== now || isShrunken) return { kind: 'write', split: goal };",
  }),
  'other-routes-dropped': patched({
    file: 'src/adapters/kubernetes/virtual-service.ts',
    find: 'const http = httpOf(object).map((one, index) => (index === found.index ? written : one));',
    replace: 'const http = httpOf(object).length > 0 ? [written] : [];',
  }),
  'probes-ignored': patched({
    file: 'state-machines/assessment.ts',
    find: 'if (target !== null) {',
    replace: 'if (target !== null && target.failuresInRow > 1e6) {',
  }),
  'sick-source-ignored': patched({
    file: 'state-machines/assessment.ts',
    find: 'if (target !== null && source !== null) {',
    replace: 'if (target !== null && source !== null && source.failuresInRow > 1e6) {',
  }),
  'bake-ignored': patched({
    file: 'state-machines/assessment.ts',
    find: "if (!context.isBaked) return { kind: 'stay', text: `baking",
    replace: "if (context.step > 1e6) return { kind: 'stay', text: `baking",
  }),
  'drift-fought': patched({
    file: 'state-machines/assessment.ts',
    find: "if (!isAnswered && onDrift === 'restore' && !isMoreThanAsked)",
    replace: 'if (!isMoreThanAsked)',
  }),
  'undo-refused': patched({
    file: 'state-machines/migration.ts',
    find: "rollback: toRollback,\n        'watchdog.claimed': toRollback,\n        'leftovers.counted'",
    replace: "'watchdog.claimed': toRollback,\n        'leftovers.counted'",
  }),
  'source-not-sealed': patched({
    file: 'src/engine/converge.ts',
    find: "const isGuarded = move.kind === 'write' &&",
    replace: "const isGuarded = move.kind === 'write' && round > 1e6 &&",
  }),
  'claim-unmet': patched({
    file: 'src/engine/advance.ts',
    find: 'const met = meetRescue(stored, atMs);',
    replace: 'const met = stored.isFinal ? meetRescue(stored, atMs) : null;',
  }),
  'rescue-below': patched({
    file: 'src/engine/rescue.ts',
    find: 'const fence = fenceJump + (await',
    replace: 'const fence = 0 * fenceJump + (await',
  }),
  'storeless-asleep': patched({
    file: 'src/engine/watchdog-storeless.ts',
    find: 'if (leftMs > 0) {',
    replace: 'if (leftMs > -1e12) {',
  }),
  'gate-blind': patched({
    file: 'state-machines/migration.ts',
    find: "'watch.seen': [failing, pullingBack, correcting, holding, lookAgain],",
    replace: "'watch.seen': [lookAgain],",
  }),
  'pause-blind': patched({
    file: 'state-machines/migration.ts',
    find: "'watch.seen': [failing, pullingBack, lookAgain],",
    replace: "'watch.seen': [lookAgain],",
  }),
  'settling-judged': patched({
    file: 'src/engine/judged-step.ts',
    find: 'verifiedAtMs + spec.settleMs',
    replace: 'verifiedAtMs',
  }),
  'later-routes-moved': patched({
    file: 'src/engine/plan-shift.ts',
    find: 'if (stage.route !== null && index > stage.route) return goalOf(kept);',
    replace: '',
  }),
  'notice-given-up': patched({
    file: 'src/engine/carry-out.ts',
    find: 'const deliveriesMax = 12;',
    replace: 'const deliveriesMax = 1;',
  }),
  'drift-stays': patched({
    file: 'state-machines/assessment.ts',
    find: "return { kind: 'hold', cause: 'drift', text };\n}",
    replace: "return { kind: 'stay', text };\n}",
  }),
  'drift-held': patched({
    file: 'state-machines/assessment.ts',
    find: "if (onDrift === 'rollback') return",
    replace: "if (onDrift === ('never' as string)) return",
  }),
  'glass-untold': patched({
    file: 'src/engine/way-back.ts',
    find: 'if (brokeGlass !== null && !context.brokeGlass) {',
    replace: 'if (brokeGlass === undefined) {',
  }),
  'fence-not-raised': patched({
    file: 'src/engine/advance.ts',
    find: 'const raised = { ...postponed, revision: fence };',
    replace: 'const raised = postponed;',
  }),
  'storeless-low': patched({
    file: 'src/engine/watchdog-storeless.ts',
    find: 'fence = fenceJump + (await',
    replace: 'fence = 0 * fenceJump + (await',
  }),
  'never-resting': patched({
    file: 'src/engine/watchdog-marks.ts',
    find: 'isResting: isArrived(record)',
    replace: 'isResting: isArrived(record) && record.isFinal',
  }),
  'claim-below': patched({
    file: 'src/engine/watchdog-claim.ts',
    find: 'revisionMin: (found?.fence ?? 0) + 1,',
    replace: 'revisionMin: 0,',
  }),
  'dead-claims-stay': patched({
    file: 'src/engine/claims.ts',
    find: 'await store.release(other?.run === held.holder.run ? other.claims : claims, held.holder);',
    replace: '',
  }),
  'start-not-known': patched({
    file: 'src/engine/start.ts',
    find: 'if (previous !== null && previous.run === run) return previous;',
    replace: '',
  }),
  'block-untold': patched({
    file: 'src/engine/way-back.ts',
    find: "if (state === 'blocked' && context.blockedBy !== note && forMs > blockedToldAfterMs) {",
    replace: "if (state === ('never' as string)) {",
  }),
  'watchdog-silent': patched({
    file: 'src/engine/watchdog-rollback.ts',
    find: 'for (const { kind, reason } of news) telling.push(tellPeople(ports, rescue.record, rescuable, kind, reason));',
    replace: '',
  }),
  'causes-told': patched({
    file: 'src/ports/errors.ts',
    find: 'return error instanceof Error ? error.message : String(error);',
    replace: "return error instanceof Error ? error.message + ' ' + String(error.cause) : String(error);",
  }),
} as const satisfies Readonly<Record<string, Mutant>>;

export type MutantName = keyof typeof mutants;

/**
 * Runs seeds on a broken engine until the first broken rule.
 * @throws Error where there is no such mutant
 */
export async function runMutant(name: string, seeds: number, from = 1): Promise<Soaked> {
  const mutant: Mutant | undefined = Object.hasOwn(mutants, name) ? mutants[name as MutantName] : undefined;
  if (mutant === undefined) throw new Error(`there is no mutant ${name}; there are ${Object.keys(mutants).join(', ')}`);
  return soakOnLanes({ ...mutant, from, seeds, lanes: 1, isFirstEnough: true });
}
