import type { Alerts } from './alerts.ts';
import type { Clock } from './clock.ts';
import type { Invoker } from './invoker.ts';
import type { LoadBalancer } from './load-balancer.ts';
import type { MigrationStore } from './migration-store.ts';
import type { Notifier } from './notifier.ts';
import type { Probe } from './probe.ts';
import type { Signals } from './signals.ts';
import type { TrafficRouter } from './traffic-router.ts';

/** What is named once for all migrations, in the installation's configuration. */
export interface Installation {
  /** The first is the default of the short form. */
  readonly clusters: readonly string[];
  readonly meshes: readonly string[];
  readonly channels: readonly string[];
  /** Sources of signals that are pulled from. */
  readonly signals: readonly string[];
  /** How often an active migration is looked at. */
  readonly watchEveryMs: number;
}

/** Everything the engine needs of the world. */
export interface Ports {
  readonly installation: Installation;
  readonly clock: Clock;
  readonly store: MigrationStore;
  readonly router: TrafficRouter;
  readonly loadBalancer: LoadBalancer;
  readonly signals: Signals;
  readonly alerts: Alerts;
  readonly probe: Probe;
  readonly notifier: Notifier;
  readonly invoker: Invoker;
}
