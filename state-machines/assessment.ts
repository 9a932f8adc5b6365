import { areGreen, failingProbe, withAnswers } from '../src/domain/probe-health.ts';
import { type HoldCause, type MigrationContext, stepOf } from './context.ts';
import type { Look } from './events.ts';

/** What a look means for a migration that keeps its share. */
export type Assessment =
  | { readonly kind: 'rollback'; readonly text: string }
  | { readonly kind: 'hold'; readonly cause: HoldCause; readonly text: string }
  | { readonly kind: 'pass' }
  | { readonly kind: 'stay'; readonly text: string };

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
  if (look.weights === 'differ') return { kind: 'hold', cause: 'drift', text: look.differences };
  if (look.weights === 'unknown') return { kind: 'stay', text: look.differences };
  if (!areGreen(probes, health)) return { kind: 'stay', text: 'not every probe is green' };
  if (look.verdict.kind !== 'pass') return { kind: 'stay', text: look.verdict.reason };
  if (!context.isBaked) return { kind: 'stay', text: `baking at ${stepOf(context).share} per cent` };
  return { kind: 'pass' };
}
