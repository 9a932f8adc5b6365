import type { Cause } from './api-error.ts';
import { duplicate, invalidValue, required, unsupported } from './causes.ts';
import { isEqual, isObject, type Json, type JsonObject, listAt, objectAt, textAt, withFields } from './json.ts';

/** What the other Services of the cluster hold. */
export interface Taken {
  readonly nodePorts: ReadonlySet<number>;
  readonly clusterIPs: ReadonlySet<string>;
}

const nodePortFirst = 30_000;
const nodePortLast = 32_767;
const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const protocols = ['SCTP', 'TCP', 'UDP'];

/**
 * Defaults and allocations of a Service. What was allocated before and is not named by the new spec is carried over, so
 * that an apply without node ports keeps them.
 * @source k8s.io/kubernetes pkg/apis/core/v1/defaults.go and pkg/registry/core/service/storage (patchAllocatedValues)
 */
export function completeService(service: JsonObject, before: JsonObject | null, taken: Taken): JsonObject {
  const spec = objectAt(service, 'spec');
  const old = objectAt(before ?? {}, 'spec');
  const type = textAt(spec, 'type') || 'ClusterIP';
  const isExposed = type === 'NodePort' || type === 'LoadBalancer';
  const isBalanced = type === 'LoadBalancer';
  const policy = textAt(spec, 'externalTrafficPolicy') || (isExposed ? 'Cluster' : '');
  const numbers = new Allocation(taken.nodePorts, listAt(spec, 'ports'));
  const ports = listAt(spec, 'ports').map((port) =>
    completePort(objectAt(port), listAt(old, 'ports'), isExposed, numbers),
  );
  const needsCheckPort = isBalanced && policy === 'Local';
  const checkPort = spec['healthCheckNodePort'] ?? old['healthCheckNodePort'];
  const completed = withFields(spec, {
    ...addressing(spec, old, type, taken),
    type,
    ports: ports.length > 0 ? ports : undefined,
    sessionAffinity: textAt(spec, 'sessionAffinity') || 'None',
    externalTrafficPolicy: policy === '' ? undefined : policy,
    internalTrafficPolicy: type === 'ExternalName' ? undefined : textAt(spec, 'internalTrafficPolicy') || 'Cluster',
    allocateLoadBalancerNodePorts: isBalanced ? (spec['allocateLoadBalancerNodePorts'] ?? true) : undefined,
    healthCheckNodePort: needsCheckPort ? (checkPort ?? numbers.next()) : undefined,
  });
  return withFields(service, { spec: completed, status: service['status'] ?? { loadBalancer: {} } });
}

function addressing(spec: JsonObject, old: JsonObject, type: string, taken: Taken): JsonObject {
  if (type === 'ExternalName') return { clusterIP: undefined, clusterIPs: undefined };
  const clusterIP = textAt(spec, 'clusterIP') || textAt(old, 'clusterIP') || freeClusterIP(taken.clusterIPs);
  const families = listAt(spec, 'ipFamilies');
  return {
    clusterIP,
    clusterIPs: [clusterIP],
    ipFamilies: families.length > 0 ? families : ['IPv4'],
    ipFamilyPolicy: textAt(spec, 'ipFamilyPolicy') || 'SingleStack',
  };
}

/** In 172.21.0.0/20, the default Service network of ACK. */
function freeClusterIP(taken: ReadonlySet<string>): string {
  for (let host = 10; host < 4094; host++) {
    const address = `172.21.${host >> 8}.${host & 255}`;
    if (!taken.has(address)) return address;
  }
  throw new Error('the Service network is full');
}

/** Hands out node ports that neither other Services nor this one name. */
class Allocation {
  readonly #taken: Set<number>;

  constructor(taken: ReadonlySet<number>, ports: readonly Json[]) {
    this.#taken = new Set([...taken, ...ports.map((port) => Number(objectAt(port)['nodePort'] ?? 0))]);
  }

  next(): number {
    for (let port = nodePortFirst; port <= nodePortLast; port++) {
      if (this.#taken.has(port)) continue;
      this.#taken.add(port);
      return port;
    }
    throw new Error('the node port range is full');
  }
}

function completePort(port: JsonObject, old: readonly Json[], isExposed: boolean, numbers: Allocation): JsonObject {
  const protocol = textAt(port, 'protocol') || 'TCP';
  const twin = old.find((each) => isSamePort(objectAt(each), port, protocol));
  const held = port['nodePort'] || objectAt(twin)['nodePort'];
  return withFields(port, {
    protocol,
    targetPort: port['targetPort'] ?? port['port'],
    nodePort: isExposed ? held || numbers.next() : undefined,
  });
}

function isSamePort(old: JsonObject, port: JsonObject, protocol: string): boolean {
  return old['port'] === port['port'] && old['protocol'] === protocol;
}

/** What validation of a completed Service finds. @source k8s.io/kubernetes pkg/apis/core/validation (ValidateService) */
export function serviceCauses(service: JsonObject, before: JsonObject | null, taken: Taken): readonly Cause[] {
  const spec = objectAt(service, 'spec');
  const ports = listAt(spec, 'ports').map((port) => objectAt(port));
  const type = textAt(spec, 'type');
  const causes: Cause[] = [];
  if (!types.includes(type)) causes.push(unsupported('spec.type', type, types));
  if (ports.length === 0 && type !== 'ExternalName' && spec['clusterIP'] !== 'None')
    causes.push(required('spec.ports'));
  if (ports.length > 250) causes.push(invalidValue('spec.ports', ports.length, 'must have at most 250 items'));
  const policy = spec['externalTrafficPolicy'];
  if (policy !== undefined && policy !== 'Cluster' && policy !== 'Local') {
    causes.push(unsupported('spec.externalTrafficPolicy', policy, ['Cluster', 'Local']));
  }
  for (const [i, port] of ports.entries()) causes.push(...portCauses(`spec.ports[${i}]`, port, ports, taken));
  for (const [i, port] of ports.entries()) causes.push(...duplicates(`spec.ports[${i}]`, port, ports.slice(0, i)));
  if (before !== null) causes.push(...changeCauses(spec, objectAt(before, 'spec')));
  return causes;
}

function portCauses(field: string, port: JsonObject, all: readonly JsonObject[], taken: Taken): readonly Cause[] {
  const causes: Cause[] = [];
  const name = textAt(port, 'name');
  if (all.length > 1 && name === '') causes.push(required(`${field}.name`));
  if (name !== '' && !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) {
    causes.push(
      invalidValue(
        `${field}.name`,
        name,
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-'",
      ),
    );
  }
  if (!isPortNumber(port['port'])) causes.push(outOfRange(`${field}.port`, port['port'] ?? 0));
  if (!protocols.includes(textAt(port, 'protocol')))
    causes.push(unsupported(`${field}.protocol`, port['protocol'], protocols));
  const target = port['targetPort'];
  if (typeof target === 'number' && !isPortNumber(target)) causes.push(outOfRange(`${field}.targetPort`, target));
  return [...causes, ...nodePortCauses(`${field}.nodePort`, port['nodePort'], taken)];
}

function nodePortCauses(field: string, nodePort: Json | undefined, taken: Taken): readonly Cause[] {
  if (typeof nodePort !== 'number' || nodePort === 0) return [];
  if (nodePort < nodePortFirst || nodePort > nodePortLast) {
    const range = `The range of valid ports is ${nodePortFirst}-${nodePortLast}`;
    return [invalidValue(field, nodePort, `provided port is not in the valid range. ${range}`)];
  }
  return taken.nodePorts.has(nodePort) ? [invalidValue(field, nodePort, 'provided port is already allocated')] : [];
}

function duplicates(field: string, port: JsonObject, earlier: readonly JsonObject[]): readonly Cause[] {
  const causes: Cause[] = [];
  const name = port['name'];
  if (name !== undefined && earlier.some((each) => each['name'] === name))
    causes.push(duplicate(`${field}.name`, name));
  const isTwin = (each: JsonObject) => each['port'] === port['port'] && each['protocol'] === port['protocol'];
  if (earlier.some(isTwin)) {
    causes.push(duplicate(field, { port: port['port'] ?? null, protocol: port['protocol'] ?? null }));
  }
  return causes;
}

function changeCauses(spec: JsonObject, old: JsonObject): readonly Cause[] {
  const causes: Cause[] = [];
  const isAddressed = [spec, old].every((each) => textAt(each, 'type') !== 'ExternalName');
  if (isAddressed && !isEqual(spec['clusterIP'], old['clusterIP'])) {
    causes.push(invalidValue('spec.clusterIPs[0]', spec['clusterIPs'], 'may not change once set'));
  }
  const stayed = spec['type'] === 'LoadBalancer' && old['type'] === 'LoadBalancer';
  if (stayed && !isEqual(spec['loadBalancerClass'], old['loadBalancerClass'])) {
    causes.push(invalidValue('spec.loadBalancerClass', spec['loadBalancerClass'], 'may not change once set'));
  }
  return causes;
}

function isPortNumber(value: Json | undefined): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535;
}

function outOfRange(field: string, value: Json): Cause {
  return invalidValue(field, value, 'must be between 1 and 65535, inclusive');
}

/** Node ports and cluster addresses held by `services`. */
export function takenBy(services: Iterable<JsonObject>): Taken {
  const nodePorts = new Set<number>();
  const clusterIPs = new Set<string>();
  for (const service of services) {
    const spec = objectAt(service, 'spec');
    clusterIPs.add(textAt(spec, 'clusterIP'));
    nodePorts.add(Number(spec['healthCheckNodePort'] ?? 0));
    for (const port of listAt(spec, 'ports')) if (isObject(port)) nodePorts.add(Number(port['nodePort'] ?? 0));
  }
  return { nodePorts, clusterIPs };
}
