import { type Plan, planOf } from '../domain/plan.ts';
import type { Spec } from '../domain/spec.ts';
import { requestRate, samplesOf } from '../domain/verdict.ts';
import type { Ports } from '../ports/ports.ts';
import type { Check } from './check.ts';
import { checkAll } from './checks.ts';

/** The present rate is that of so long. */
const rateOverMs = 300_000;

export interface DryRun {
  readonly plan: Plan;
  readonly preflight: { readonly checks: readonly Check[] };
}

/**
 * What a migration would do and what its preflight would find, from one look. Writes nothing, anywhere.
 * @throws TransientError, TerminalError where the clusters, the load balancer or the store cannot be read
 */
export async function dryRun(ports: Ports, spec: Spec): Promise<DryRun> {
  const atMs = await ports.store.now();
  const [{ observations, splits, checks }, samples] = await Promise.all([
    checkAll(ports, spec),
    ports.signals.read(spec.name, atMs - rateOverMs),
  ]);
  const plan = planOf({
    spec,
    observations,
    splits,
    requestsPerSecond: requestRate(samples),
    requestsPerSecondOf: spec.routes.map(({ loadBalancer }) => requestRate(samplesOf(samples, loadBalancer))),
    atMs,
  });
  return { plan, preflight: { checks } };
}
