import type { CarrierWeights } from '../../domain/agreement.ts';
import { type Annotations, fenceKey, keyInUse, parseWeight } from '../../domain/annotations.ts';
import { TerminalError } from '../../ports/errors.ts';
import { type GatewayObject, overridesOf } from './gateway-object.ts';

/** A merge-patch (RFC 7386): null takes a key away, what is not named stays as it is. */
type AnnotationPatch = Readonly<Record<string, string | null>>;

export interface WeightPatch {
  readonly metadata: { readonly resourceVersion: string; readonly annotations: AnnotationPatch };
  readonly spec?: {
    readonly serviceAnnotations?: AnnotationPatch;
    readonly overrides?: Readonly<Record<string, { readonly serviceAnnotations: AnnotationPatch }>>;
  };
}

/**
 * A weight that the controller cannot read takes the side's backends out of the CLB without a word (reference A11), so
 * none leaves the process. @throws TerminalError
 */
export function assertWeights(weights: CarrierWeights): void {
  for (const weight of [weights.weight, ...Object.values(weights.overrides)]) {
    if (weight !== null && parseWeight(weight) === null) {
      throw new TerminalError(`weight ${JSON.stringify(weight.slice(0, 20))} is not an integer 0..100: not written`);
    }
  }
}

export function servicePatch(
  resourceVersion: string,
  annotations: Annotations,
  weights: CarrierWeights,
  fence: number,
): WeightPatch {
  const weight = weightPatch(annotations, weights.weight);
  return { metadata: { resourceVersion, annotations: { ...weight, [fenceKey]: String(fence) } } };
}

/** The base and every override that has annotations of its own, because such a cluster reads only those (reference C2). */
export function gatewayPatch(gateway: GatewayObject, weights: CarrierWeights, fence: number): WeightPatch {
  const base = weightPatch(gateway.spec.serviceAnnotations ?? {}, weights.weight);
  const overrides = Object.entries(overridesOf(gateway)).flatMap(([clusterId, own]) => {
    const weight = clusterId in weights.overrides ? (weights.overrides[clusterId] ?? null) : weights.weight;
    const patch = weightPatch(own, weight);
    return isEmpty(patch) ? [] : [[clusterId, { serviceAnnotations: patch }] as const];
  });
  const spec = {
    ...(isEmpty(base) ? {} : { serviceAnnotations: base }),
    ...(overrides.length === 0 ? {} : { overrides: Object.fromEntries(overrides) }),
  };
  return {
    metadata: {
      resourceVersion: gateway.metadata.resourceVersion,
      annotations: { [fenceKey]: String(fence) },
    },
    ...(isEmpty(spec) ? {} : { spec }),
  };
}

/** Only the spelling in use; taking away what is not there would make an empty map where there was none. */
function weightPatch(annotations: Annotations, weight: string | null): AnnotationPatch {
  const key = keyInUse(annotations, 'weight');
  return weight === null && annotations[key] === undefined ? {} : { [key]: weight };
}

function isEmpty(patch: object): boolean {
  return Object.keys(patch).length === 0;
}
