import type { CarrierWeights } from '../../domain/agreement.ts';
import { type Annotations, fenceKey, keyInUse, markKey, nudgeKey, parseWeight } from '../../domain/annotations.ts';
import type { NudgeMark, WriteMark } from '../../domain/observation.ts';
import { TerminalError } from '../../ports/errors.ts';
import { type GatewayObject, overridesOf } from './gateway-object.ts';
import { markText } from './write-mark.ts';

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

/** What every write leaves on the object itself. */
export interface Signature {
  readonly fence: number;
  /** Absent: an older one stays. */
  readonly mark?: WriteMark | undefined;
}

function signed({ fence, mark }: Signature): AnnotationPatch {
  return { [fenceKey]: String(fence), ...(mark === undefined ? {} : { [markKey]: markText(mark) }) };
}

export function servicePatch(
  resourceVersion: string,
  annotations: Annotations,
  weights: CarrierWeights,
  signature: Signature,
): WeightPatch {
  const weight = weightPatch(annotations, weights.weight);
  return { metadata: { resourceVersion, annotations: { ...weight, ...signed(signature) } } };
}

/** The base and every override that has annotations of its own, because such a cluster reads only those (reference C2). */
export function gatewayPatch(gateway: GatewayObject, weights: CarrierWeights, signature: Signature): WeightPatch {
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
    metadata: { resourceVersion: gateway.metadata.resourceVersion, annotations: signed(signature) },
    ...(isEmpty(spec) ? {} : { spec }),
  };
}

/** Of a Service and of an IstioGateway: the fence alone. */
export function sealPatch(resourceVersion: string, fence: number): WeightPatch {
  return { metadata: { resourceVersion, annotations: signed({ fence }) } };
}

/** No weight, and nothing that anybody reads: only the change counts (reference A8). */
export function serviceNudge(resourceVersion: string, mark: NudgeMark, fence: number): WeightPatch {
  return { metadata: { resourceVersion, annotations: { ...nudgePatch(mark), ...signed({ fence, mark }) } } };
}

/** Where each Service of the gateway gets its annotations from; an override is not made where there is none. */
export function gatewayNudge(gateway: GatewayObject, mark: NudgeMark, fence: number): WeightPatch {
  const serviceAnnotations = nudgePatch(mark);
  const overrides = Object.keys(overridesOf(gateway)).map((clusterId) => [clusterId, { serviceAnnotations }] as const);
  return {
    metadata: {
      resourceVersion: gateway.metadata.resourceVersion,
      annotations: signed({ fence, mark }),
    },
    spec: {
      serviceAnnotations,
      ...(overrides.length === 0 ? {} : { overrides: Object.fromEntries(overrides) }),
    },
  };
}

function nudgePatch({ nudge }: NudgeMark): AnnotationPatch {
  return { [nudgeKey]: String(nudge.revision) };
}

/** Only the spelling in use; taking away what is not there would make an empty map where there was none. */
function weightPatch(annotations: Annotations, weight: string | null): AnnotationPatch {
  const key = keyInUse(annotations, 'weight');
  return weight === null && annotations[key] === undefined ? {} : { [key]: weight };
}

function isEmpty(patch: object): boolean {
  return Object.keys(patch).length === 0;
}
