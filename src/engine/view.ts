import { lastStage, type MigrationContext, stageOf, stepOf } from '../../state-machines/context.ts';
import { writeMs } from '../domain/measured.ts';
import type { MigrationRecord } from '../domain/record.ts';
import { askedOf, isMoving, loadBalancerOf } from '../domain/stages.ts';
import type { MigrationView, PortView } from '../domain/view.ts';
import { allowedVerbs } from './allowed.ts';
import { contextOf } from './snapshot.ts';

/** A record as people read it. */
export function viewOf(record: MigrationRecord): MigrationView {
  const context = contextOf(record);
  const { spec } = context;
  const isBack = record.state === 'rollingBack' || record.state === 'stuck' || record.state === 'rolledBack';
  const stage = stageOf(context);
  const asked = isBack ? 0 : stage.step.share;
  return {
    name: record.name,
    run: record.run,
    revision: record.revision,
    state: record.state,
    isFinal: record.isFinal,
    step: context.step + 1,
    steps: lastStage(context) + 1,
    route: loadBalancerOf(stage, spec.routes),
    share: {
      asked,
      achieved: farthest(
        [
          ...context.achieved.filter((port) => isBack || isMoving(stage, spec.routes, port)),
          ...context.achievedSplits,
        ].map(({ share }) => share),
        asked,
      ),
      observed: context.observed,
    },
    ports: portsOf(context, isBack),
    subsets: context.achievedSplits,
    differences: context.differences === '' ? null : context.differences,
    verdict: context.verdict,
    probes: context.probes,
    entries: context.entries,
    leftovers: context.leftovers,
    rehearsal: context.isRehearsal
      ? { measured: context.measured, glass: context.glassTried, writeMs: writeMs(context.measured) }
      : null,
    waitingFor: waitingFor(record),
    reason: context.blockedBy ?? context.hold?.text ?? context.reason,
    gate:
      context.gate === null
        ? null
        : { id: context.gate.id, expiresAt: new Date(context.gate.expiresAtMs).toISOString() },
    allowed: allowedVerbs(record.state),
    createdAt: new Date(record.createdAtMs).toISOString(),
    updatedAt: new Date(record.updatedAtMs).toISOString(),
    spec,
  };
}

function portsOf(context: MigrationContext, isBack: boolean): readonly PortView[] {
  const { achieved, observed, observedOn, spec } = context;
  const stage = stageOf(context);
  const observedAt = (loadBalancer: string): number | null =>
    observedOn.length === 0 ? observed : (observedOn.find((one) => one.loadBalancer === loadBalancer)?.share ?? null);
  return achieved.map((port) => ({
    ...port,
    asked: isBack ? 0 : askedOf(stage, spec.routes, port),
    observed: observedAt(port.loadBalancer),
  }));
}

/** Of several ports the one that is farthest from what was asked: nobody should read a better number than the worst. */
function farthest(shares: readonly (number | null)[], asked: number): number | null {
  const known = shares.filter((share) => share !== null);
  return known.sort((a, b) => Math.abs(b - asked) - Math.abs(a - asked))[0] ?? null;
}

function waitingFor(record: MigrationRecord): string | null {
  const context = contextOf(record);
  const noted = record.outbox.find(({ effect, note }) => note !== null && note !== '' && effect.type !== 'deliver');
  if (noted?.note) return noted.note;
  switch (record.state) {
    case 'preflighting.checking':
      return 'the preflight';
    case 'preflighting.keeping':
      return 'the way back to be kept';
    case 'progressing.shifting':
      return 'the share to be planned';
    case 'progressing.baking':
      return context.isBaked
        ? (context.verdict?.reason ?? 'a verdict')
        : `the bake at ${stepOf(context).share} per cent`;
    case 'progressing.gated':
      return `approval of gate ${context.gate?.id ?? ''}`;
    case 'held':
      return 'the cause to go away, or a person';
    case 'paused':
      return 'a person to resume or abort';
    case 'tryingGlass':
      return 'weights set straight at the CLB to be read back';
    case 'rollingBack':
    case 'stuck':
      return 'the baseline to be verified';
    case 'completed':
      return 'the end of the undo time';
    case 'closing':
      return 'the kept way back to be emptied';
    default:
      return null;
  }
}
