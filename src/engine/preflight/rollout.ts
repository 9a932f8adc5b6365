import { rolloutAt } from '../../domain/rollout.ts';
import { bad, type Check, kindOf, pass } from './check.ts';
import type { RouteLook } from './look.ts';

const rollout = kindOf({
  id: 'target-rollout',
  rows: [],
  asks: 'no pods of the target are being replaced (sluice gateway --diff says which fields of an IstioGateway do that)',
  why: 'its backends come and go, and what is judged meanwhile is judged of pods that go: the migration waits before a step, and in the middle of one, until the new pods are there',
  says: ['warn', 'unknown'],
});

export const rolloutKinds = [rollout];

/** A change that is under way is over some time: it is waited for, and refuses nothing. */
export function rolloutChecks({ observation, survey }: RouteLook): readonly Check[] {
  const words = rolloutAt(observation.target, 'counts');
  const at = { object: 'the target', field: 'Deployment.status', value: words };
  if (words !== null) {
    return [bad(rollout, 'warn', `${words}; the first step waits until it is over`, { at })];
  }
  const denied = survey.target.services.find(({ workloads }) => 'missing' in workloads)?.workloads;
  if (denied !== undefined && 'missing' in denied) {
    return [bad(rollout, 'unknown', `whether pods of the target are being replaced cannot be told: ${denied.missing}`)];
  }
  return [pass(rollout, 'no pods of the target are being replaced')];
}
