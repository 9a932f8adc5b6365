import { type Measured, writeMs } from '../domain/measured.ts';
import { type Plan, planOf } from '../domain/plan.ts';
import type { Spec } from '../domain/spec.ts';
import { requestRate, samplesOf } from '../domain/verdict.ts';
import { UnreadableRecordError } from '../ports/errors.ts';
import type { Ports } from '../ports/ports.ts';
import type { Check } from './preflight/check.ts';
import { checkAll } from './preflight/check-all.ts';
import { countedBy, readSources } from './read-signals.ts';
import { measuredIn } from './snapshot.ts';

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
  const [{ observations, splits, checks }, readings, measured] = await Promise.all([
    checkAll(ports, spec),
    readSources(ports, spec, atMs - rateOverMs),
    measuredBefore(ports, spec.name),
  ]);
  const samples = countedBy(readings);
  // A route that cannot be read cannot be planned; the checks say so.
  const routes = spec.routes.filter((route) => observations.some((one) => one.route === route));
  const plan = planOf({
    spec: { ...spec, routes },
    observations,
    splits,
    requestsPerSecond: requestRate(samples),
    requestsPerSecondOf: routes.map(({ loadBalancer }) => requestRate(samplesOf(samples, loadBalancer))),
    writeMs: writeMs(measured),
    atMs,
  });
  return { plan, preflight: { checks } };
}

/** What runs of this name measured on this installation, rehearsals among them. */
async function measuredBefore({ store }: Pick<Ports, 'store'>, name: string): Promise<readonly Measured[]> {
  try {
    const record = await store.load(name);
    return record === null ? [] : measuredIn(record);
  } catch (error) {
    // A plan is of what will be; that an old record cannot be read is said by the start.
    if (error instanceof UnreadableRecordError) return [];
    throw error;
  }
}
