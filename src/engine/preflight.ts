import { type Baseline, type BaselineRoute, type BaselineSplit, identityOf } from '../domain/baseline.ts';
import { type RouteObservation, readyPods } from '../domain/observation.ts';
import { claimsOf, type Spec } from '../domain/spec.ts';
import { splitToday } from '../domain/split.ts';
import { podsBehindFrom, type SubsetObservation } from '../domain/subset-route.ts';
import type { Ports } from '../ports/ports.ts';
import { answer, type Outcome } from './outcome.ts';
import { type Check, isRefusing } from './preflight/check.ts';
import { checkAll } from './preflight/check-all.ts';

/**
 * Checks everything the first shift relies on and refuses what cannot work, with every finding at once.
 * Writes nothing to a cluster.
 */
export async function preflight(
  ports: Ports,
  spec: Spec,
  run: string,
  question: number,
  atMs: number,
): Promise<Outcome> {
  // Of two starts at the same moment that each took the other for dead, one is refused here, before anything is written.
  const held = await ports.store.claim(claimsOf(spec), { name: spec.name, run });
  if (held !== null) {
    const reason = `${held.claim} is in use by migration ${held.holder.name}`;
    return answer({ type: 'preflight.refused', question, reason });
  }
  const { observations, splits, checks } = await checkAll(ports, spec);
  const reasons = checks.filter(isRefusing).map(({ found }) => found);
  if (reasons.length > 0) return answer({ type: 'preflight.refused', question, reason: reasons.join('; ') });
  const patience = {
    capacityMs: spec.capacityPatienceMs,
    breakGlassMs: spec.breakGlassAfterMs,
    deadManMs: spec.deadManAfterMs,
  };
  const baseline: Baseline = {
    name: spec.name,
    run,
    takenAtMs: atMs,
    patience,
    routes: observations.map(baselineOf),
    subsets: splits.map(baselineSplitOf),
  };
  return answer({ type: 'preflight.passed', question, baseline, remark: remarkOf(checks) });
}

const remarksMax = 5;

/** What a person who starts all the same should have read: warnings, and how much could not be told. */
function remarkOf(checks: readonly Check[]): string | null {
  const warnings = checks.filter(({ status }) => status === 'warn').map(({ found }) => found);
  const unknown = checks.filter(({ status }) => status === 'unknown').length;
  const told = warnings.slice(0, remarksMax);
  const remarks = [
    ...told,
    ...(warnings.length > told.length ? [`${warnings.length - told.length} more warnings`] : []),
    ...(unknown > 0 ? [`${unknown} of ${checks.length} checks could not be made (sluice preflight says which)`] : []),
  ];
  // What could not be read was no reason to wait, and is none to tell by itself.
  return warnings.length === 0 ? null : `the preflight warns: ${remarks.join('; ')}`;
}

function baselineSplitOf(observation: SubsetObservation): BaselineSplit {
  const services = new Map(
    observation.subsets
      .flatMap((subset) => subset.services ?? [])
      .map((service) => [`${service.cluster}/${service.namespace}/${service.name}`, identityOf(service)]),
  );
  return {
    route: observation.route,
    split: splitToday(observation) ?? {},
    services: [...services.values()],
    sourcePods: podsBehindFrom(observation) ?? 0,
  };
}

function baselineOf({ route, source, target }: RouteObservation): BaselineRoute {
  const weightsOf = (reading: RouteObservation['source']) => ({
    weight: reading.carrier?.weight ?? null,
    overrides: reading.carrier?.overrides ?? {},
  });
  return {
    route,
    source: weightsOf(source),
    target: weightsOf(target),
    services: { source: source.services.map(identityOf), target: target.services.map(identityOf) },
    sourcePods: readyPods(source),
  };
}
