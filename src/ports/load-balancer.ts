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
  readonly status: string;
  readonly address: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Groups of this CLB: id -> name. */
  readonly groups: Readonly<Record<string, string>>;
}

export interface ListenerReading {
  readonly port: number;
  readonly protocol: string;
  readonly status: string;
  readonly scheduler: string;
  readonly group: string | null;
  readonly hasHealthCheck: boolean;
  /** Session stickiness pins clients whatever the weights. */
  readonly isSticky: boolean;
}
