import { ownBackends } from '../../domain/observation.ts';
import { type PortMapping, sides } from '../../domain/spec.ts';
import type { ListenerReading } from '../../ports/load-balancer.ts';
import { bad, type Check, kindOf, type Place, pass } from './check.ts';
import { setListener, startListener } from './commands.ts';
import type { RouteLook } from './look.ts';

const listenerKind = kindOf({
  id: 'listener',
  rows: ['E9', 'E29'],
  asks: 'a listener that runs leads to each vServer group of the route',
  why: 'weights of a group that no listener uses move nothing, and behind a stopped listener nobody is served',
  says: ['fail'],
});
const scheduler = kindOf({
  id: 'scheduler',
  rows: ['E1'],
  asks: 'each listener of the route spreads by weight (wrr)',
  why: 'rr heeds no weight but 0, wlc floods the side that has no connections yet, and hashes go by client; listeners that the cloud controller made are on rr',
  says: ['fail'],
});
const stickiness = kindOf({
  id: 'stickiness',
  rows: ['E13'],
  asks: 'no listener of the route binds clients to a backend',
  why: 'a client that is bound comes back to the same side whatever the weights say, for up to a day',
  says: ['fail'],
});
const healthCheck = kindOf({
  id: 'health-check',
  rows: ['E14'],
  asks: 'the health check of each listener is on (else the probes must cover both sides)',
  why: 'without it the CLB sends requests to pods that do not answer, and only a probe tells a rollback whether the source can carry them',
  says: ['fail', 'warn'],
});
const healthCheckPort = kindOf({
  id: 'health-check-port',
  rows: ['E16'],
  asks: 'each backend is checked at its own port',
  why: 'one fixed port is that of one side: the other is checked where it does not listen, or where something else answers',
  says: ['fail'],
});
const established = kindOf({
  id: 'established-connections',
  rows: ['E11'],
  asks: 'a TCP connection without traffic ends within the shortest bake, and connections drain when backends go',
  why: 'weights decide on new connections only: those that are open stay at the source, draining acts on removal and not on weight 0, and what is removed without it is cut off',
  says: ['warn'],
});
const perConnection = kindOf({
  id: 'per-connection',
  rows: ['E12'],
  asks: 'each listener spreads requests, not connections',
  why: 'a TCP or UDP listener weighs connections: few clients that keep theirs open give another share of requests than the weights',
  says: ['warn'],
});
const proxyProtocol = kindOf({
  id: 'proxy-protocol',
  rows: ['E30'],
  asks: 'no listener speaks Proxy Protocol to its backends',
  why: 'a gateway that does not expect it takes the header for a broken request; the preflight cannot see what either gateway expects',
  says: ['warn'],
});

export const listenerKinds = [
  listenerKind,
  scheduler,
  stickiness,
  healthCheck,
  healthCheckPort,
  established,
  perConnection,
  proxyProtocol,
];

/** What the listeners of a route do with its weights, port by port. */
export function listenerChecks(look: RouteLook): readonly Check[] {
  return look.observation.route.ports.flatMap((mapping) => {
    const listener = look.listeners.find(({ group }) => group === mapping.group);
    return listener === undefined ? [unused(look, mapping)] : ofListener(look, mapping, listener);
  });
}

function unused({ listeners }: RouteLook, { port, group }: PortMapping): Check {
  const there = listeners.find((one) => one.port === port);
  const leads =
    there === undefined
      ? ''
      : `; listener ${port} leads to ${there.masterSlaveGroup ?? there.group ?? 'the default server group'}`;
  const at = { object: `listener ${port}`, field: 'VServerGroupId', value: there?.group ?? null };
  return bad(listenerKind, 'fail', `no listener uses ${group} (port ${port})${leads}`, { at });
}

function ofListener(look: RouteLook, mapping: PortMapping, listener: ListenerReading): readonly Check[] {
  return [
    runs(look, mapping, listener),
    spreads(look, listener),
    binds(look, listener),
    checksHealth(look, listener),
    checksPort(look, mapping, listener),
    endsConnections(look, listener),
    weighs(listener),
    speaksProxy(listener),
  ];
}

function nameOf({ port }: ListenerReading): string {
  return `listener ${port}`;
}

function place(listener: ListenerReading, field: string, value: string | null): Place {
  return { object: nameOf(listener), field, value };
}

function runs({ observation }: RouteLook, { group }: PortMapping, listener: ListenerReading): Check {
  const name = nameOf(listener);
  const at = place(listener, 'Status', listener.status);
  if (listener.status === 'running') return pass(listenerKind, `${name} uses ${group}`, at);
  const remedy = startListener(observation.route.loadBalancer, listener);
  return bad(listenerKind, 'fail', `${name} is ${listener.status}`, { at, remedy });
}

function spreads({ observation }: RouteLook, listener: ListenerReading): Check {
  const name = nameOf(listener);
  const at = place(listener, 'Scheduler', listener.scheduler);
  if (listener.scheduler === 'wrr') return pass(scheduler, `${name} schedules by weight`, at);
  const found = `${name} schedules by ${listener.scheduler}, which ignores weights: set it to wrr`;
  const remedy = setListener(observation.route.loadBalancer, listener, { Scheduler: 'wrr' });
  return bad(scheduler, 'fail', found, { at, remedy });
}

function isL4({ protocol }: ListenerReading): boolean {
  return protocol === 'tcp' || protocol === 'udp';
}

function binds({ observation }: RouteLook, listener: ListenerReading): Check {
  const name = nameOf(listener);
  const field = isL4(listener) ? 'PersistenceTimeout' : 'StickySession';
  if (!listener.isSticky) return pass(stickiness, `${name} has no session stickiness`);
  const off: Readonly<Record<string, string>> = { [field]: isL4(listener) ? '0' : 'off' };
  return bad(
    stickiness,
    'fail',
    `${name} has session stickiness, which pins clients whatever the weights: turn it off`,
    {
      at: place(listener, field, isL4(listener) ? 'above 0' : 'on'),
      remedy: setListener(observation.route.loadBalancer, listener, off),
    },
  );
}

function checksHealth({ observation, spec }: RouteLook, listener: ListenerReading): Check {
  const name = nameOf(listener);
  const at = place(listener, 'HealthCheck', listener.hasHealthCheck ? 'on' : 'off');
  if (listener.hasHealthCheck) return pass(healthCheck, `${name} checks the health of its backends`, at);
  const remedy = setListener(observation.route.loadBalancer, listener, { HealthCheck: 'on' });
  const isProbed = sides.every((one) => spec.probes.some(({ side }) => side === one || side === 'both'));
  const found = `the health check of ${name} is off, so backends that do not answer get requests`;
  return isProbed
    ? bad(healthCheck, 'warn', `${found}, and probes alone tell whether a side carries them`, { at, remedy })
    : bad(healthCheck, 'fail', `${found}, and no probes of both sides would tell: turn it on`, { at, remedy });
}

function checksPort({ observation }: RouteLook, { group }: PortMapping, listener: ListenerReading): Check {
  const name = nameOf(listener);
  const { port } = listener.healthCheck;
  const at = place(listener, 'HealthCheckConnectPort', port === null ? null : `${port}`);
  if (port === null) return pass(healthCheckPort, `${name} checks each backend at its own port`, at);
  const { groups, source, target } = observation;
  const own = groups.filter((one) => one.group === group);
  const backends = own.flatMap((one) => [source, target].flatMap((side) => ownBackends(one, side)));
  const others = [...new Set(backends.flatMap((one) => one.backends.map((backend) => backend.port)))].filter(
    (one) => one !== port,
  );
  if (others.length === 0) return pass(healthCheckPort, `${name} checks port ${port}, where all backends listen`, at);
  const found = `${name} checks every backend at port ${port}, and backends of ${group} listen at ${others.join(', ')}: let it check each at its own`;
  // -520 is how the API writes "the backend's own port" (reference E16).
  const remedy = setListener(observation.route.loadBalancer, listener, { HealthCheckConnectPort: '-520' });
  return bad(healthCheckPort, 'fail', found, { at, remedy });
}

function endsConnections({ observation, spec }: RouteLook, listener: ListenerReading): Check {
  const name = nameOf(listener);
  const { establishedTimeoutMs, drainsConnections } = listener;
  const bakeMs = Math.min(...spec.steps.map((step) => step.bakeMs));
  const seconds = Math.trunc((establishedTimeoutMs ?? 0) / 1000);
  const isLong = establishedTimeoutMs !== null && establishedTimeoutMs > bakeMs;
  const isCut = isL4(listener) && !drainsConnections;
  if (!isLong && !isCut) return pass(established, `${name} lets connections end in time`);
  const fields: Readonly<Record<string, string>> = {
    // Below 10 s the API takes no time-out.
    ...(isLong ? { EstablishedTimeout: `${Math.max(10, Math.trunc(bakeMs / 1000))}` } : {}),
    ...(isCut ? { ConnectionDrain: 'on', ConnectionDrainTimeout: '300' } : {}),
  };
  const words = [
    ...(isLong ? [`keeps idle connections for ${seconds} s, longer than the shortest bake`] : []),
    ...(isCut ? ['does not drain the connections of backends that are removed'] : []),
  ];
  return bad(established, 'warn', `${name} ${words.join(', and ')}`, {
    at: isLong
      ? place(listener, 'EstablishedTimeout', `${seconds}`)
      : place(listener, 'ConnectionDrain', drainsConnections ? 'on' : 'off'),
    remedy: setListener(observation.route.loadBalancer, listener, fields),
  });
}

function weighs(listener: ListenerReading): Check {
  const name = nameOf(listener);
  const at = place(listener, 'ListenerProtocol', listener.protocol);
  if (!isL4(listener)) return pass(perConnection, `${name} spreads requests`, at);
  const found = `${name} is a ${listener.protocol.toUpperCase()} listener: the share is one of new connections`;
  return bad(perConnection, 'warn', found, { at });
}

function speaksProxy(listener: ListenerReading): Check {
  const name = nameOf(listener);
  const at = place(listener, 'ProxyProtocolV2Enabled', `${listener.hasProxyProtocol}`);
  if (!listener.hasProxyProtocol) return pass(proxyProtocol, `${name} speaks no Proxy Protocol`, at);
  return bad(proxyProtocol, 'warn', `${name} speaks Proxy Protocol v2: both gateways must expect it`, { at });
}
