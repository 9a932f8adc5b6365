import { humanDuration } from './durations.ts';
import { isObject, type Json, listAt, objectAt, textAt } from './json.ts';
import type { KubeObject } from './kube-object.ts';

/** One column of a printed list. Wide columns are shown with `-o wide` only. */
export interface Column {
  readonly name: string;
  readonly isWide: boolean;
  readonly cell: (object: KubeObject, nowMs: number) => Json;
}

function column(name: string, cell: Column['cell'], isWide = false): Column {
  return { name, isWide, cell };
}

function wide(name: string, cell: Column['cell']): Column {
  return column(name, cell, true);
}

const name = column('Name', (object) => object.metadata.name);
const age = column('Age', (object, now) => since(object.metadata.creationTimestamp, now));
const none = '<none>';

function since(time: string, nowMs: number): string {
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? '<unknown>' : humanDuration(nowMs - ms);
}

function orNone(text: string): string {
  return text === '' ? none : text;
}

function pairs(value: Json | undefined): string {
  const entries = isObject(value) ? Object.entries(value) : [];
  return orNone(entries.map(([key, item]) => `${key}=${String(item)}`).join(','));
}

function joined(items: readonly Json[]): string {
  return items.map((item) => String(item)).join(',');
}

function count(value: Json | undefined): number {
  return isObject(value) ? Object.keys(value).length : 0;
}

function externalAddress(service: KubeObject): string {
  const addresses = listAt(service.status, 'loadBalancer', 'ingress').map(
    (each) => textAt(each, 'ip') || textAt(each, 'hostname'),
  );
  const external = listAt(service.spec, 'externalIPs').map((each) => String(each));
  switch (textAt(service.spec, 'type')) {
    case 'LoadBalancer':
      return [...addresses, ...external].join(',') || '<pending>';
    case 'ExternalName':
      return textAt(service.spec, 'externalName');
    default:
      return orNone(external.join(','));
  }
}

function servicePorts(service: KubeObject): string {
  const ports = listAt(service.spec, 'ports').map((port) => {
    const { nodePort, protocol } = objectAt(port);
    return `${objectAt(port)['port']}${nodePort ? `:${nodePort}` : ''}/${protocol}`;
  });
  return orNone(ports.join(','));
}

function nodeStatus(node: KubeObject): string {
  const ready = listAt(node.status, 'conditions').find((each) => textAt(each, 'type') === 'Ready');
  const words = { True: 'Ready', False: 'NotReady', Unknown: 'NotReady' }[textAt(ready, 'status')] ?? 'Unknown';
  return objectAt(node.spec)['unschedulable'] === true ? `${words},SchedulingDisabled` : words;
}

function nodeRoles(node: KubeObject): string {
  const prefix = 'node-role.kubernetes.io/';
  const labels = Object.keys(node.metadata.labels ?? {}).filter((label) => label.startsWith(prefix));
  return orNone(labels.map((label) => label.slice(prefix.length)).join(','));
}

function nodeAddress(node: KubeObject, type: string): string {
  const found = listAt(node.status, 'addresses').find((each) => textAt(each, 'type') === type);
  return orNone(textAt(found, 'address'));
}

function eventTime(event: KubeObject): string {
  return textAt(event, 'lastTimestamp') || textAt(event, 'eventTime') || event.metadata.creationTimestamp;
}

function eventObject(event: KubeObject): string {
  const kind = textAt(event, 'involvedObject', 'kind').toLowerCase();
  return `${kind}/${textAt(event, 'involvedObject', 'name')}`;
}

function podReady(pod: KubeObject): string {
  const states = listAt(pod.status, 'containerStatuses');
  const ready = states.filter((state) => objectAt(state)['ready'] === true).length;
  return `${ready}/${listAt(pod.spec, 'containers').length || states.length}`;
}

function podRestarts(pod: KubeObject): number {
  return listAt(pod.status, 'containerStatuses').reduce<number>(
    (sum, state) => sum + Number(objectAt(state)['restartCount'] ?? 0),
    0,
  );
}

function slicePorts(slice: KubeObject): string {
  const ports = listAt(slice, 'ports').map((port) => String(objectAt(port)['port'] ?? '*'));
  return ports.length === 0 ? '<unset>' : ports.join(',');
}

function sliceAddresses(slice: KubeObject): string {
  const addresses = listAt(slice, 'endpoints').flatMap((each) => listAt(each, 'addresses'));
  if (addresses.length === 0) return '<unset>';
  const more = addresses.length > 3 ? ` + ${addresses.length - 3} more...` : '';
  return `${joined(addresses.slice(0, 3))}${more}`;
}

function endpointAddresses(endpoints: KubeObject): string {
  const all = listAt(endpoints, 'subsets').flatMap((subset) =>
    listAt(subset, 'addresses').flatMap((address) =>
      listAt(subset, 'ports').map((port) => `${textAt(address, 'ip')}:${objectAt(port)['port']}`),
    ),
  );
  if (all.length === 0) return none;
  return `${all.slice(0, 3).join(',')}${all.length > 3 ? ` + ${all.length - 3} more...` : ''}`;
}

function replicas(object: KubeObject, field: string): number {
  return Number(objectAt(object.status)[field] ?? 0);
}

function hpaReference(hpa: KubeObject): string {
  return `${textAt(hpa.spec, 'scaleTargetRef', 'kind')}/${textAt(hpa.spec, 'scaleTargetRef', 'name')}`;
}

function hpaTargets(hpa: KubeObject): string {
  const targets = listAt(hpa.spec, 'metrics').map((metric, i) => {
    const goal = objectAt(metric, 'resource', 'target')['averageUtilization'];
    const now = objectAt(listAt(hpa.status, 'currentMetrics')[i], 'resource', 'current')['averageUtilization'];
    const percent = (value: Json | undefined) => (value === undefined ? '<unknown>' : `${value}%`);
    return `${textAt(metric, 'resource', 'name')}: ${percent(now)}/${percent(goal)}`;
  });
  return orNone(targets.join(', '));
}

function apiServiceTarget(service: KubeObject): string {
  const target = objectAt(service.spec, 'service');
  return Object.keys(target).length === 0 ? 'Local' : `${textAt(target, 'namespace')}/${textAt(target, 'name')}`;
}

function condition(object: KubeObject, type: string): string {
  const found = listAt(object.status, 'conditions').find((each) => textAt(each, 'type') === type);
  return textAt(found, 'status') || 'Unknown';
}

const text =
  (...path: readonly string[]) =>
  (object: KubeObject): string =>
    textAt(object, ...path);

const list =
  (...path: readonly string[]) =>
  (object: KubeObject): string => {
    const items = listAt(object, ...path);
    return items.length === 0 ? '' : JSON.stringify(items);
  };

/** The columns of each kind, after k8s.io/kubernetes pkg/printers/internalversion and the printer columns of the CRDs. */
export const columnsByKind: Readonly<Record<string, readonly Column[]>> = {
  Service: [
    name,
    column('Type', text('spec', 'type')),
    column('Cluster-IP', (service) => orNone(textAt(service.spec, 'clusterIP'))),
    column('External-IP', externalAddress),
    column('Port(s)', servicePorts),
    age,
    wide('Selector', (service) => pairs(objectAt(service.spec)['selector'])),
  ],
  Node: [
    name,
    column('Status', nodeStatus),
    column('Roles', nodeRoles),
    age,
    column('Version', text('status', 'nodeInfo', 'kubeletVersion')),
    wide('Internal-IP', (node) => nodeAddress(node, 'InternalIP')),
    wide('External-IP', (node) => nodeAddress(node, 'ExternalIP')),
  ],
  Event: [
    column('Last Seen', (event, now) => since(eventTime(event), now)),
    column('Type', text('type')),
    column('Reason', text('reason')),
    column('Object', eventObject),
    wide('Source', text('source', 'component')),
    column('Message', (event) => textAt(event, 'message').trim()),
    wide('Count', (event) => Number(event['count'] ?? 1)),
    wide('Name', (event) => event.metadata.name),
  ],
  Namespace: [name, column('Status', text('status', 'phase')), age],
  Secret: [name, column('Type', text('type')), column('Data', (secret) => count(secret.data)), age],
  ConfigMap: [name, column('Data', (map) => count(map.data) + count(map['binaryData'])), age],
  Pod: [
    name,
    column('Ready', podReady),
    column('Status', text('status', 'phase')),
    column('Restarts', podRestarts),
    age,
    wide('IP', (pod) => orNone(textAt(pod.status, 'podIP'))),
    wide('Node', (pod) => orNone(textAt(pod.spec, 'nodeName'))),
  ],
  ServiceAccount: [name, column('Secrets', (account) => listAt(account, 'secrets').length), age],
  Endpoints: [name, column('Endpoints', endpointAddresses), age],
  EndpointSlice: [
    name,
    column('AddressType', text('addressType')),
    column('Ports', slicePorts),
    column('Endpoints', sliceAddresses),
    age,
  ],
  Deployment: [
    name,
    column('Ready', (each) => `${replicas(each, 'readyReplicas')}/${objectAt(each.spec)['replicas'] ?? 1}`),
    column('Up-to-date', (each) => replicas(each, 'updatedReplicas')),
    column('Available', (each) => replicas(each, 'availableReplicas')),
    age,
  ],
  HorizontalPodAutoscaler: [
    name,
    column('Reference', hpaReference),
    column('Targets', hpaTargets),
    column('MinPods', (hpa) => String(objectAt(hpa.spec)['minReplicas'] ?? '<unset>')),
    column('MaxPods', (hpa) => Number(objectAt(hpa.spec)['maxReplicas'] ?? 0)),
    column('Replicas', (hpa) => replicas(hpa, 'currentReplicas')),
    age,
  ],
  Lease: [name, column('Holder', text('spec', 'holderIdentity')), age],
  IstioGateway: [name, age, column('Status', text('status', 'Status'))],
  VirtualService: [name, column('Gateways', list('spec', 'gateways')), column('Hosts', list('spec', 'hosts')), age],
  DestinationRule: [name, column('Host', text('spec', 'host')), age],
  ServiceEntry: [
    name,
    column('Hosts', list('spec', 'hosts')),
    column('Location', text('spec', 'location')),
    column('Resolution', text('spec', 'resolution')),
    age,
  ],
  AuthorizationPolicy: [name, column('Action', text('spec', 'action')), age],
  PeerAuthentication: [name, column('Mode', text('spec', 'mtls', 'mode')), age],
  APIService: [
    name,
    column('Service', apiServiceTarget),
    column('Available', (service) => condition(service, 'Available')),
    age,
  ],
};

/** For kinds without columns of their own. */
export const plainColumns: readonly Column[] = [name, age];
