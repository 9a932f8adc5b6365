/**
 * How a Service gets its backends: pods directly (`eni`), every node (`cluster`), or the nodes that run a ready pod
 * (`local`). Set by the backend-type annotation and externalTrafficPolicy (reference A2, A5).
 */
export type BackendMode = 'eni' | 'cluster' | 'local';

/** One backend as the cloud controller would attach it; `pods` counts the ready pods behind it (1 but for `local`). */
export interface Backend {
  readonly address: string;
  readonly pods: number;
  /** A pod on a virtual node (ECI) that stands among nodes: `local` gives it no minimum (reference A5). */
  readonly isEci?: boolean;
}

const defaultWeight = 100;

/**
 * The backend weights that the cloud controller writes for a weight annotation, in the order of `backends`.
 * Integer division with a floor of 1 is why the share is never what the annotations suggest.
 *
 * @param weight the annotation, an integer 0..100, or null where it is absent
 * @source cloud-provider-alibaba-cloud v2.14.0 pkg/controller/service/clbv1/vgroups.go:1012 (podPercentAlgorithm,
 *   podNumberAlgorithm)
 */
export function backendWeights(weight: number | null, mode: BackendMode, backends: readonly Backend[]): number[] {
  const weigh = weigherOf(weight, mode, backends);
  return backends.map(weigh);
}

/** The sum of the backend weights, without the list of them: a plan asks for it for every weight from 0 to 100. */
export function weightSumOf(weight: number | null, mode: BackendMode, backends: readonly Backend[]): number {
  const weigh = weigherOf(weight, mode, backends);
  const [first] = backends;
  if (first === undefined) return 0;
  // Only Local tells its backends apart.
  if (mode !== 'local') return weigh(first) * backends.length;
  let sum = 0;
  for (const backend of backends) sum += weigh(backend);
  return sum;
}

function weigherOf(
  weight: number | null,
  mode: BackendMode,
  backends: readonly Backend[],
): (backend: Backend) => number {
  if (weight === null) return (backend) => unannotated(mode, backend);
  if (weight === 0) return () => 0;
  if (mode !== 'local') {
    const each = Math.max(1, Math.trunc(weight / backends.length));
    return () => each;
  }
  const podsInAll = backends.reduce((sum, backend) => sum + backend.pods, 0);
  return ({ isEci, pods }) =>
    isEci ? Math.trunc(weight / podsInAll) : Math.max(1, Math.trunc((weight * pods) / podsInAll));
}

function unannotated(mode: BackendMode, backend: Backend): number {
  if (mode !== 'local') return defaultWeight;
  return backend.isEci ? 1 : backend.pods;
}
