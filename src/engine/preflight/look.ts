import type { BackendMode } from '../../domain/backend-weights.ts';
import type { RouteObservation, ServiceReading } from '../../domain/observation.ts';
import { type Side, type Spec, sides } from '../../domain/spec.ts';
import type { RouteSurvey, ServiceSurvey } from '../../domain/survey.ts';
import type { ListenerReading, LoadBalancerReading } from '../../ports/load-balancer.ts';

/** Everything that the checks of one route go by. */
export interface RouteLook {
  readonly spec: Spec;
  readonly observation: RouteObservation;
  readonly survey: RouteSurvey;
  readonly listeners: readonly ListenerReading[];
  /** Null where there is no such CLB. */
  readonly loadBalancer: LoadBalancerReading | null;
}

/** The Services of both sides that are there, each with its side. */
export function surveyed({ survey }: RouteLook): readonly { readonly side: Side; readonly service: ServiceSurvey }[] {
  return sides.flatMap((side) => survey[side].services.map((service) => ({ side, service })));
}

type Named = Pick<ServiceReading, 'cluster' | 'namespace' | 'name'>;

export function serviceName({ cluster, namespace, name }: Named): string {
  return `Service ${cluster}/${namespace}/${name}`;
}

export function isSame(one: Named, other: Named): boolean {
  return one.cluster === other.cluster && one.namespace === other.namespace && one.name === other.name;
}

/** The port that the cloud controller attaches for a Service port (reference A5); null where only the pods tell it. */
export function backendPort({ ports }: ServiceSurvey, mode: BackendMode, port: number): number | null {
  const found = ports.find((one) => one.port === port);
  return (mode === 'eni' ? found?.targetPort : found?.nodePort) ?? null;
}
