import type { Body } from './cloud.ts';
import { ClbError } from './errors.ts';
import { optionalInteger, type Params, required } from './params.ts';

/** The kubeconfig of a cluster or a mesh by its id, or null where there is none. */
export type KubeconfigOf = (id: string) => string | null;

const threeYearsM = 3 * 365 * 24 * 60;

/** RPC DescribeServiceMeshKubeconfig of servicemesh 2020-01-11; ExpireTime has no zone, as the real one (C4). */
export function meshKubeconfig(kubeconfigOf: KubeconfigOf, params: Params, now: number): Body {
  const kubeconfig = kubeconfigOf(required(params, 'ServiceMeshId'));
  if (kubeconfig === null) {
    throw new ClbError(404, 'ServiceMeshNotFound', 'The specified service mesh does not exist.');
  }
  const expires = new Date(now + threeYearsM * 60_000).toISOString();
  return { Kubeconfig: kubeconfig, ExpireTime: `${expires.slice(0, 10)} ${expires.slice(11, 19)}` };
}

/** ROA `GET /k8s/{ClusterId}/user_config` of CS 2015-12-15; without a duration the certificate lasts three years (C4). */
export function clusterKubeconfig(kubeconfigOf: KubeconfigOf, clusterId: string, params: Params, now: number): Body {
  const minutes = optionalInteger(params, 'TemporaryDurationMinutes', 15, 4320) ?? threeYearsM;
  const config = kubeconfigOf(clusterId);
  if (config === null)
    throw new ClbError(404, 'ErrorClusterNotFound', `cluster (${clusterId}) not found in our records`);
  return { config, expiration: new Date(now + minutes * 60_000).toISOString().replace(/\.\d+Z$/, 'Z') };
}

/** The cluster id of a user_config path, or null where the path is another. */
export function clusterIdIn(path: string): string | null {
  const match = /^\/k8s\/([\w-]{1,64})\/user_config$/.exec(path);
  return match?.[1] ?? null;
}
