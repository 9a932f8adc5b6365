/**
 * What stands around a route in its clusters. Nothing that moves traffic goes by it: it is read once, before a start, for
 * the preflight.
 */
export interface RouteSurvey {
  readonly source: SideSurvey;
  readonly target: SideSurvey;
}

export interface SideSurvey {
  /** Services that are there; of a gateway, one in each of its clusters. */
  readonly services: readonly ServiceSurvey[];
  /** Null where the side is a Service, or its API server gives no answer. */
  readonly gateway: GatewaySurvey | null;
}

/** What could be read, or why not: with the permission that is missing. */
export type Told<T> = { readonly value: T } | { readonly missing: string };

export interface ServiceSurvey {
  readonly cluster: string;
  readonly clusterId: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly type: string;
  readonly loadBalancerClass: string | null;
  readonly externalTrafficPolicy: 'Local' | 'Cluster';
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly ServicePortSurvey[];
  /** IPs of `status.loadBalancer.ingress`: those that kube-proxy answers for by itself (reference E23). */
  readonly addresses: readonly string[];
  /** The Deployments whose pods the selector picks, in the Service's namespace. */
  readonly workloads: Told<readonly string[]>;
  /** What scales these Deployments. */
  readonly autoscalers: Told<readonly AutoscalerSurvey[]>;
  /** Names of the cluster's nodes; none where the policy is Cluster, because nobody asks then. */
  readonly nodes: Told<readonly string[]>;
  /** The Service that serves networking.istio.io by API aggregation in this cluster, null where none does. */
  readonly istioApi: Told<string | null>;
}

export interface ServicePortSurvey {
  readonly port: number;
  /** What the cloud controller attaches in ENI mode; null where the pods name it. */
  readonly targetPort: number | null;
  readonly nodePort: number | null;
}

export interface AutoscalerSurvey {
  readonly name: string;
  readonly workload: string;
  /** 1 where it is not said (Kubernetes' default). */
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** `scaleDown.selectPolicy: Disabled`: it only grows. */
  readonly neverShrinks: boolean;
}

export interface GatewaySurvey {
  readonly namespace: string;
  readonly name: string;
  /** Its pods are not in the user's cluster (reference C3). */
  readonly isServerless: boolean;
  /**
   * The value of force-override-listeners, null where absent: in `spec.serviceAnnotations` as '', and in each override
   * by its cluster id.
   */
  readonly forceOverride: Readonly<Record<string, string | null>>;
}
