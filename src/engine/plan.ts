import type { Draft } from '../domain/draft.ts';
import { type Measured, writeMs } from '../domain/measured.ts';
import { type Plan, planOf } from '../domain/plan.ts';
import { pushed } from '../domain/sources.ts';
import type { Spec } from '../domain/spec.ts';
import { requestRate, samplesOf } from '../domain/verdict.ts';
import { TerminalError, UnreadableRecordError } from '../ports/errors.ts';
import type { Ports } from '../ports/ports.ts';
import type { Check } from './preflight/check.ts';
import { checkAll } from './preflight/check-all.ts';
import { unreadCheck } from './preflight/readable.ts';
import { countedBy, readSources } from './read-signals.ts';
import { measuredIn } from './snapshot.ts';
import { resolveDraft } from './start.ts';

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

/**
 * The same of a draft. Where the gateways of a short form cannot be read, its routes cannot be found: a check says why,
 * what does not depend on them is checked all the same, and the plan has no routes.
 * @throws InvalidInputError, and as `dryRun`
 */
export async function dryRunOf(ports: Ports, draft: Draft): Promise<DryRun> {
  const spec = await resolveDraft(ports, draft).catch((error: unknown) => {
    if (error instanceof TerminalError) return error;
    throw error;
  });
  if (!(spec instanceof TerminalError)) return dryRun(ports, spec);
  // A Prometheus is asked for gateways by their names, which nobody knows now.
  const analysis = { ...draft.analysis, signals: pushed };
  const { plan, preflight } = await dryRun(ports, { ...draft, routes: [], probes: [], paths: [], analysis });
  return { plan, preflight: { checks: [unreadCheck(spec), ...preflight.checks] } };
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
