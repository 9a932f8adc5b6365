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
  if (weight === null) return backends.map((backend) => unannotated(mode, backend));
  if (weight === 0) return backends.map(() => 0);
  if (mode !== 'local') return backends.map(() => Math.max(1, Math.trunc(weight / backends.length)));
  const podsInAll = backends.reduce((sum, backend) => sum + backend.pods, 0);
  return backends.map((backend) =>
    backend.isEci ? Math.trunc(weight / podsInAll) : Math.max(1, Math.trunc((weight * backend.pods) / podsInAll)),
  );
}

function unannotated(mode: BackendMode, backend: Backend): number {
  if (mode !== 'local') return defaultWeight;
  return backend.isEci ? 1 : backend.pods;
}
