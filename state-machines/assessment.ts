import { gatewayChange, isOnItsWay } from '../src/domain/gateway-change.ts';
import { areGreen, failingProbe, withAnswers } from '../src/domain/probe-health.ts';
import { shareOfSplit } from '../src/domain/split.ts';
import { askedOf } from '../src/domain/stages.ts';
import { type HoldCause, type MigrationContext, stageOf, stepOf } from './context.ts';
import type { Look } from './events.ts';

/** What a look means for a migration that keeps its share. */
export type Assessment =
  | { readonly kind: 'rollback'; readonly text: string }
  | { readonly kind: 'hold'; readonly cause: HoldCause; readonly text: string }
  /** Write the step's weights again: somebody changed them, or backends came or went. */
  | { readonly kind: 'correct'; readonly text: string }
  /** More share than asked is taken back first; then it is held (rule 8). */
  | { readonly kind: 'pullBack'; readonly text: string }
  | { readonly kind: 'pass' }
  | { readonly kind: 'stay'; readonly text: string };

/** Weights that still differ so long after backends came or went are nothing that settles by itself. */
const settlingMsMax = 60_000;

/**
 * The cloud controller attaches new backends first and then writes the weights of the others, group by group, and follows
 * an annotation that somebody put back in the same way: what a look finds in between is nobody's change (reference A9).
 * Null where nothing settles.
 */
export function settlingSince(context: MigrationContext, look: Look, atMs: number): number | null {
  if (look.weights === 'unknown') return context.settlingSinceMs;
  if (look.weights === 'agree' || !look.isAtClbOnly) return null;
  const haveOthersCome = context.backends !== null && context.backends !== look.backends;
  return context.settlingSinceMs ?? (haveOthersCome || context.isWrittenOtherwise ? atMs : null);
}

/**
 * Failure acts at once, whatever else is open; going on needs everything good: verdict, probes, weights, bake (rule 4).
 * A target that fails together with the source is not sent back onto a source that fails too (rule 5).
 */
export function assess(context: MigrationContext, look: Look, atMs: number): Assessment {
  const { probes } = context.spec;
  const health = withAnswers(context.probes, look.answers, atMs);
  const target = failingProbe(probes, health, 'target');
  const source = failingProbe(probes, health, 'source');
  if (target !== null && source !== null) {
    return { kind: 'hold', cause: 'bothFailing', text: `probe ${target.probe} fails at both sides: ${target.detail}` };
  }
  if (target !== null) {
    const text = `probe ${target.probe} failed ${target.failuresInRow} times in a row at the target: ${target.detail}`;
    return { kind: 'rollback', text };
  }
  if (look.verdict.kind === 'fail') return { kind: 'rollback', text: look.verdict.reason };
  if (look.verdict.cause === 'common') return { kind: 'hold', cause: 'bothFailing', text: look.verdict.reason };
  if (look.newerFence !== null) {
    const text = `an object carries fence ${look.newerFence}: somebody rescued, or the store lost commits`;
    return { kind: 'hold', cause: 'overtaken', text };
  }
  if (look.weights === 'differ') {
    const sinceMs = settlingSince(context, look, atMs);
    const isSettling = sinceMs !== null && atMs - sinceMs < settlingMsMax;
    if (isSettling) return { kind: 'stay', text: `the controller is at work: ${inShort(look.differences)}` };
    const drift = assessDrift(context, look);
    // Backends that come and go with their pods are not somebody's change.
    return drift.kind === 'hold' && look.isAtClbOnly ? (restarting(context, look, atMs) ?? drift) : drift;
  }
  const restart = restarting(context, look, atMs);
  if (restart !== null) return restart;
  if (look.weights === 'unknown') return { kind: 'stay', text: inShort(look.differences) };
  const missed = missedShare(context, look);
  if (missed !== null) return { kind: 'correct', text: missed };
  if (!areGreen(probes, health)) return { kind: 'stay', text: 'not every probe is green' };
  // That nothing arrives is no matter of waiting for more.
  if (look.verdict.cause === 'silent' && context.isBaked) {
    return { kind: 'hold', cause: 'noData', text: look.verdict.reason };
  }
  if (look.verdict.kind !== 'pass') return { kind: 'stay', text: look.verdict.reason };
  if (!context.isBaked) return { kind: 'stay', text: `baking at ${stepOf(context).share} per cent` };
  return { kind: 'pass' };
}

/**
 * Nothing goes on while pods of a target are replaced: what is seen of it now is of pods that go. A change of the
 * gateway that restarts them counts before its Deployments show it.
 */
function restarting(context: MigrationContext, look: Look, atMs: number): Assessment | null {
  const { gatewayFields, gatewayChange: known, spec } = context;
  const onItsWay = known !== null && isOnItsWay(known, atMs) ? known.text : null;
  const text = look.restarting ?? gatewayChange(spec.routes, gatewayFields, look.gatewayFields) ?? onItsWay;
  return text === null ? null : { kind: 'hold', cause: 'restarting', text };
}

/** Somebody else changed something: told, answered at most once for each cause, never fought (rule 8). */
function assessDrift(context: MigrationContext, look: Look): Assessment {
  const text = inShort(look.differences);
  const { onDrift, routes, tolerance } = context.spec;
  if (onDrift === 'rollback') return { kind: 'rollback', text: `drift: ${text}` };
  const isAnswered = context.answeredDrift === look.cause;
  const stage = stageOf(context);
  const isMoreThanAsked =
    look.achieved.some((port) => (port.share ?? 0) > askedOf(stage, routes, port) + tolerance) ||
    look.achievedSplits.some(({ share }, index) => (share ?? 0) > splitAsked(context, index) + tolerance);
  // Somebody took over: until a person says go on, what they wrote is not written over, and is no news.
  if (context.waitsFor?.cause === 'overtaken')
    return isMoreThanAsked ? { kind: 'hold', cause: 'drift', text } : { kind: 'stay', text };
  // Before the first step nothing is asked: what goes to the target is taken back to the baseline.
  if (context.step < 0 && isMoreThanAsked) return { kind: 'rollback', text: `drift: ${text}` };
  if (!isAnswered && isMoreThanAsked && look.isSourceCarrying) {
    return onDrift === 'restore' ? { kind: 'correct', text } : { kind: 'pullBack', text };
  }
  if (!isAnswered && onDrift === 'restore' && !isMoreThanAsked) return { kind: 'correct', text };
  return { kind: 'hold', cause: 'drift', text };
}

/** Subsets have a share before the first step: that of the baseline. */
function splitAsked({ spec, splits }: MigrationContext, index: number): number {
  const [route, goal] = [spec.subsets[index], splits[index]];
  return route === undefined || goal === undefined ? 0 : (shareOfSplit(goal, route) ?? 0);
}

/** What people are told of: a chat is no place for a hundred backends. All of them are in the view. */
function inShort(texts: readonly string[]): string {
  const shown = texts.slice(0, 5).join('; ');
  return texts.length > 5 ? `${shown}; and ${texts.length - 5} more` : shown;
}

/** Everything is as it was written, and yet the share is not: backends came or went (reference E6). */
function missedShare(context: MigrationContext, look: Look): string | null {
  const { routes, tolerance } = context.spec;
  const stage = stageOf(context);
  const missed = look.achieved.find(
    (port) => port.share !== null && Math.abs(port.share - askedOf(stage, routes, port)) > tolerance,
  );
  if (context.step < 0 || missed === undefined) return null;
  const asked = askedOf(stage, routes, missed);
  return `backends came or went: port ${missed.port} of ${missed.loadBalancer} gives ${missed.share?.toFixed(1)} per cent, not ${asked}`;
}
