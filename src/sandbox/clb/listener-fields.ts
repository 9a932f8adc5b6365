import { clbErrors } from './errors.ts';
import { type Listener, type ListenerProtocol, schedulerNames } from './load-balancer.ts';
import { integerIn, oneOf, optional, type Params } from './params.ts';

type Value = string | number | boolean | null;

/** One field of a listener under its name in the OpenAPI, and how its text is read; `read` absent: it cannot be set. */
interface Field {
  readonly name: string;
  readonly key: keyof Listener;
  readonly of: readonly ListenerProtocol[];
  readonly read?: (name: string, text: string) => Value;
}

const l4: readonly ListenerProtocol[] = ['tcp', 'udp'];
const l7: readonly ListenerProtocol[] = ['http', 'https'];
const tcp: readonly ListenerProtocol[] = ['tcp'];
const all: readonly ListenerProtocol[] = [...l4, ...l7];

const integer =
  (min: number, max: number) =>
  (name: string, text: string): number =>
    integerIn(name, text, min, max);
const choice =
  (...allowed: readonly string[]) =>
  (name: string, text: string): string =>
    oneOf(name, text, allowed);
const text =
  (max: number) =>
  (name: string, value: string): string => {
    if (value.length > max) throw clbErrors.invalid(name);
    return value;
  };
/** -520 means the backend's own port (reference E16). */
const connectPort = (name: string, value: string): number | null =>
  value === '-520' ? null : integerIn(name, value, 1, 65_535);

const switched = choice('on', 'off');

/** @source reference B1; bounds from the annotations' (reference A2), which the cloud controller passes on unchecked */
const fields: readonly Field[] = [
  { name: 'HealthCheck', key: 'healthCheck', of: all, read: switched },
  { name: 'HealthCheckType', key: 'healthCheckType', of: all, read: choice('tcp', 'http') },
  { name: 'HealthCheckConnectPort', key: 'healthCheckConnectPort', of: all, read: connectPort },
  { name: 'HealthCheckURI', key: 'healthCheckUri', of: all, read: text(80) },
  { name: 'HealthCheckDomain', key: 'healthCheckDomain', of: all, read: text(80) },
  { name: 'HealthCheckHttpCode', key: 'healthCheckHttpCode', of: all, read: text(80) },
  { name: 'HealthCheckInterval', key: 'healthCheckIntervalS', of: all, read: integer(1, 50) },
  { name: 'HealthCheckConnectTimeout', key: 'healthCheckTimeoutS', of: l4, read: integer(1, 300) },
  { name: 'HealthCheckTimeout', key: 'healthCheckTimeoutS', of: l7, read: integer(1, 300) },
  { name: 'HealthyThreshold', key: 'healthyThreshold', of: all, read: integer(2, 10) },
  { name: 'UnhealthyThreshold', key: 'unhealthyThreshold', of: all, read: integer(2, 10) },
  { name: 'PersistenceTimeout', key: 'persistenceTimeoutS', of: l4, read: integer(0, 3600) },
  { name: 'EstablishedTimeout', key: 'establishedTimeoutS', of: tcp, read: integer(10, 900) },
  { name: 'ConnectionDrain', key: 'connectionDrain', of: l4, read: switched },
  { name: 'ConnectionDrainTimeout', key: 'connectionDrainTimeoutS', of: l4, read: integer(10, 900) },
  { name: 'ProxyProtocolV2Enabled', key: 'proxyProtocolV2Enabled', of: l4 },
  { name: 'MasterSlaveServerGroupId', key: 'masterSlaveServerGroupId', of: l4 },
  { name: 'StickySession', key: 'stickySession', of: l7, read: switched },
  { name: 'StickySessionType', key: 'stickySessionType', of: l7, read: choice('insert', 'server') },
  { name: 'CookieTimeout', key: 'cookieTimeoutS', of: l7, read: integer(1, 86_400) },
  { name: 'Cookie', key: 'cookie', of: l7, read: text(200) },
  { name: 'IdleTimeout', key: 'idleTimeoutS', of: l7, read: integer(1, 60) },
  { name: 'RequestTimeout', key: 'requestTimeoutS', of: l7, read: integer(1, 180) },
  { name: 'ListenerForward', key: 'listenerForward', of: l7 },
  { name: 'ForwardPort', key: 'forwardPort', of: l7 },
];

/** Fields of every protocol that stand beside, not in, the protocol's own part of an answer. */
const commonFields: readonly Field[] = [
  { name: 'Scheduler', key: 'scheduler', of: all, read: (name, value) => oneOf(name, value, schedulerNames) },
  { name: 'Description', key: 'description', of: all, read: text(80) },
];

/** The protocol's own part of a listener, under the names of the OpenAPI; what has no value is left out. */
export function ownFields(listener: Listener): Readonly<Record<string, unknown>> {
  const own = fields.filter((field) => field.of.includes(listener.protocol));
  return Object.fromEntries(
    own.map((field) => [field.name, listener[field.key]] as const).filter(([, value]) => value !== null),
  );
}

/**
 * The listener with the fields that the parameters name; all others stay as they are.
 *
 * @throws ClbError InvalidParameter where a value is out of bounds, MissingParameter where stickiness is half named
 */
export function withFields(listener: Listener, params: Params): Listener {
  const changes: Partial<Record<keyof Listener, Value>> = {};
  for (const field of [...commonFields, ...fields]) {
    const value = optional(params, field.name);
    if (value === null || field.read === undefined || !field.of.includes(listener.protocol)) continue;
    changes[field.key] = field.read(field.name, value);
  }
  if (changes.stickySession === 'on') demandStickiness(params);
  return { ...listener, ...changes } as Listener;
}

function demandStickiness(params: Params): void {
  const type = optional(params, 'StickySessionType');
  if (type === null) throw clbErrors.missing('StickySessionType');
  const needed = type === 'insert' ? 'CookieTimeout' : 'Cookie';
  if (optional(params, needed) === null) throw clbErrors.missing(needed);
}
