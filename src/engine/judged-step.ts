import { type MigrationContext, stageOf } from '../../state-machines/context.ts';
import type { JudgedStep } from '../domain/judge/judging.ts';
import { loadBalancerOf, stagesOf } from '../domain/stages.ts';

/** What is judged now; null while nothing is asked of the target, or what is asked is not verified. */
export function judgedStepOf(context: MigrationContext): JudgedStep | null {
  const { spec, step, verifiedAtMs } = context;
  const stage = stageOf(context);
  const { share } = stage.step;
  if (step < 0 || verifiedAtMs === null || share <= 0) return null;
  // A step after which the share does not rise has to keep what it has.
  const next = stagesOf(spec)[step + 1];
  const nextShare = next?.route === stage.route ? Math.max(share, next.step.share) : share;
  return {
    share,
    nextShare,
    verifiedAtMs,
    fromMs: verifiedAtMs + spec.settleMs,
    route: loadBalancerOf(stage, spec.routes),
  };
}
