import type { BackendReading, GroupReading } from '../domain/observation.ts';
import type { PortMapping } from '../domain/spec.ts';

/** The CLB's own answer. Every method may throw TransientError or TerminalError. */
export interface LoadBalancer {
  /** The backends of each group with their weights and health, as the CLB has them. */
  describeGroups(loadBalancer: string, ports: readonly PortMapping[]): Promise<readonly GroupReading[]>;
  describeListeners(loadBalancer: string): Promise<readonly ListenerReading[]>;
  /**
   * Break glass: sets the weights of the listed backends, which must be there; touches no other. The next reconcile of the
   * cloud controller puts the annotated weights back.
   */
  setWeights(group: string, backends: readonly WeightedBackend[]): Promise<void>;
  describe(loadBalancer: string): Promise<LoadBalancerReading | null>;
}

/** A backend as it was described, with the weight that it is to get. */
export type WeightedBackend = Omit<BackendReading, 'health'>;

export interface LoadBalancerReading {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly address: string;
  /** `internet` or `intranet`; '' where it is not told, as the two below. */
  readonly addressType: string;
  readonly ipVersion: string;
  readonly resourceGroupId: string;
  /** '' is a shared-performance instance. */
  readonly spec: string;
  /** Null where the credentials may not read them. */
  readonly tags: Readonly<Record<string, string>> | null;
  /** By id. */
  readonly groups: Readonly<Record<string, GroupSummary>>;
}

export interface GroupSummary {
  readonly name: string;
  readonly backends: number;
  /** Forwarding rules that lead here, as `domain/path`. */
  readonly rules: readonly string[];
}

export interface ListenerReading {
  readonly port: number;
  readonly protocol: string;
  readonly status: string;
  readonly scheduler: string;
  readonly group: string | null;
  /** A group of another kind, which holds the backends instead; null where there is none. */
  readonly masterSlaveGroup: string | null;
  readonly hasHealthCheck: boolean;
  /** Session stickiness pins clients whatever the weights. */
  readonly isSticky: boolean;
  readonly healthCheck: HealthCheckReading;
  /** Of a TCP connection without traffic; null for other protocols. */
  readonly establishedTimeoutMs: number | null;
  readonly drainsConnections: boolean;
  readonly hasProxyProtocol: boolean;
}

export interface HealthCheckReading {
  readonly type: 'tcp' | 'http';
  /** Null: the backend's own port. */
  readonly port: number | null;
  /** '' where none is set: then the request names no host that a gateway would know. */
  readonly host: string;
  readonly path: string;
}
