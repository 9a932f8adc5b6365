import type { ServiceReading } from '../../domain/observation.ts';
import { type ProbeSpec, type Side, type Spec, sides } from '../../domain/spec.ts';
import type { ServiceSurvey } from '../../domain/survey.ts';
import type { ListenerReading } from '../../ports/load-balancer.ts';
import type { Ports } from '../../ports/ports.ts';
import type { SourceReading } from '../read-signals.ts';
import { bad, type Check, kindOf, pass } from './check.ts';
import { patchSpec } from './commands.ts';
import { type RouteLook, serviceName } from './look.ts';

const probeKind = kindOf({
  id: 'probe',
  rows: ['E15', 'E31'],
  asks: 'each probe is answered by the pods of its side',
  why: 'it is asked at the pods themselves, so it proves the target before it has weight: certificates, routes and mTLS behind it; what the load balancer says of the health of backends with weight 0 proves nothing',
  says: ['fail'],
});
const healthRequest = kindOf({
  id: 'health-check-request',
  rows: ['E16'],
  asks: "the target answers the health check's own request",
  why: 'the CLB takes backends for dead that do not know the host or path of its check: the target would get nothing',
  says: ['warn'],
});
const oneAddress = kindOf({
  id: 'same-address',
  rows: ['E23'],
  asks: "from inside the cluster the load balancer's address can be reached on every node",
  why: 'kube-proxy answers for that address itself and hands to one of the two Services, whatever the weights; with policy Local, nodes without a pod of it reach nothing',
  says: ['warn', 'unknown'],
});
const probeHost = kindOf({
  id: 'probe-host',
  rows: ['E23'],
  asks: "no probe names the load balancer's address as its host",
  why: 'from inside the cluster that address leads to one Service whatever the weights; probes ask the pods, and need the name that clients use',
  says: ['warn'],
});
const direct = kindOf({
  id: 'direct-callers',
  rows: ['E34'],
  asks: 'no caller inside the cluster uses the Service of the source by its name',
  why: 'such callers come past the load balancer: they stay at the source at 100 per cent, and are cut off when it goes',
  says: ['warn', 'unknown'],
});

export const callerKinds = [probeKind, healthRequest, oneAddress, probeHost, direct];

export async function probeCheck(
  { probe: port }: Pick<Ports, 'probe'>,
  probe: ProbeSpec,
  side: Side,
  services: readonly ServiceReading[],
): Promise<Check> {
  const { isOk, detail } = await port.ask(probe, services);
  const at = { object: `the ${side}`, field: `${probe.host}${probe.path}`, value: detail };
  if (isOk) return pass(probeKind, `probe ${probe.name} is answered by the ${side}: ${detail}`, at);
  return bad(probeKind, 'fail', `probe ${probe.name} fails at the ${side}: ${detail}`, { at });
}

/** The target is asked what the CLB will ask it, at its pods; only checks over HTTP ask for anything. */
export async function healthRequestChecks(
  { probe }: Pick<Ports, 'probe'>,
  { observation, listeners }: RouteLook,
): Promise<readonly Check[]> {
  const { route, target } = observation;
  const checks = route.ports.map(async ({ port, group }) => {
    const listener = listeners.find((one) => one.group === group && one.hasHealthCheck);
    if (listener?.healthCheck.type !== 'http') return [];
    const answer = await probe.ask(requestOf(listener, port), target.services);
    const { host, path } = listener.healthCheck;
    const what = `${host === '' ? 'without a host' : `of ${host}`} at ${path}`;
    const at = { object: `listener ${listener.port}`, field: 'HealthCheckURI', value: path };
    const found = `the target answers the health check of listener ${listener.port} (${what}): ${answer.detail}`;
    if (answer.isOk) return [pass(healthRequest, found, at)];
    const wrong = `the target does not answer the health check of listener ${listener.port} (${what}) with 200: ${answer.detail}`;
    return [bad(healthRequest, 'warn', wrong, { at })];
  });
  return (await Promise.all(checks)).flat();
}

function requestOf({ port: listenerPort, healthCheck: { host, path } }: ListenerReading, port: number): ProbeSpec {
  return {
    name: `health-check-${listenerPort}`,
    side: 'target',
    host: host === '' ? 'health-check' : host,
    path,
    port,
    status: 200,
    everyMs: 1_000,
    failures: 1,
    timeoutMs: 3_000,
  };
}

/** Seed 002: the address of the load balancer, asked for from inside the cluster. */
export function addressChecks(look: RouteLook): readonly Check[] {
  const { survey, spec, observation, loadBalancer } = look;
  const pairs = survey.source.services.flatMap((one) =>
    survey.target.services.flatMap((other) => {
      const shared = one.cluster === other.cluster && one.addresses.find((ip) => other.addresses.includes(ip));
      return shared ? [{ address: shared, services: { source: one, target: other } }] : [];
    }),
  );
  const checks = pairs.flatMap(({ address, services }) => {
    const local = sides.filter((side) => services[side].externalTrafficPolicy === 'Local');
    if (local.length === 0) {
      const found = `callers inside the cluster reach ${address} on every node, at one of the two Services whatever the weights`;
      return [pass(oneAddress, found)];
    }
    // Either of the two may be the one that kube-proxy takes.
    return local.map((side) => localCheck(look, address, side, services[side]));
  });
  const names = spec.probes.filter(({ host }) => loadBalancer !== null && isAt(host, loadBalancer.address));
  const hosts = names.map(({ name, host }) =>
    bad(
      probeHost,
      'warn',
      `probe ${name} names the load balancer's address as its host: give the name that clients use`,
      {
        at: { object: `probe ${name}`, field: 'host', value: host },
      },
    ),
  );
  const none = pass(probeHost, `no probe names the address of ${observation.route.loadBalancer} as its host`);
  return [...(checks.length > 0 ? checks : [pass(oneAddress, apart)]), ...(hosts.length > 0 ? hosts : [none])];
}

const apart = 'the two Services do not show one address in one cluster';

function isAt(host: string, address: string): boolean {
  return address !== '' && host.replace(/:\d+$/, '') === address;
}

const nodesTold = 5;

function localCheck({ observation }: RouteLook, address: string, side: Side, service: ServiceSurvey): Check {
  const name = serviceName(service);
  const at = { object: name, field: 'spec.externalTrafficPolicy', value: 'Local' };
  const advice = `let callers inside the cluster use ${service.name}.${service.namespace}, or take policy Cluster (with ENI backends the client's address stays)`;
  const { nodes } = service;
  if ('missing' in nodes) {
    const found = `${name} has policy Local: which nodes cannot reach ${address} cannot be told: ${nodes.missing}; ${advice}`;
    return bad(oneAddress, 'unknown', found, { at });
  }
  const reading = observation[side].services.find(
    (one) => one.name === service.name && one.cluster === service.cluster,
  );
  const withPod = new Set(reading?.endpoints.flatMap(({ node }) => node ?? []));
  const dark = nodes.value.filter((node) => !withPod.has(node));
  if (dark.length === 0)
    return pass(oneAddress, `every node has a pod of ${name}, so ${address} can be reached there`, at);
  const more = dark.length > nodesTold ? ` and ${dark.length - nodesTold} more` : '';
  const found = `${name} has policy Local and no pod on ${dark.slice(0, nodesTold).join(', ')}${more}: from there ${address} may not be reached; ${advice}`;
  const remedy = patchSpec(observation.route, side, service, { externalTrafficPolicy: 'Cluster' });
  return bad(oneAddress, 'warn', found, { at, remedy });
}

/** Of what was counted lately; programs may report before the start. */
export function directChecks(spec: Spec, sources: readonly SourceReading[]): readonly Check[] {
  if (spec.routes.length === 0) return [];
  // Each source counts the same requests: the first that tells is enough.
  const [told = []] = sources.flatMap(({ samples }) => {
    const own = samples.filter(({ side, direct: past }) => side === 'source' && past !== undefined);
    return own.length === 0 ? [] : [own];
  });
  if (told.length === 0) {
    const found = `no sample of the last 5 minutes says which requests come past the load balancer: send direct with the samples of ${spec.name} (also before the start)`;
    return [bad(direct, 'unknown', found)];
  }
  const requests = told.reduce((sum, one) => sum + (one.direct ?? 0), 0);
  const at = { object: 'the source', field: 'direct', value: `${requests}` };
  if (requests === 0) return [pass(direct, 'no request of the last 5 minutes came past the load balancer', at)];
  const found = `${requests} requests of the last 5 minutes reached the source past the load balancer, and will not move: let their callers use the public name`;
  return [bad(direct, 'warn', found, { at })];
}
