import type { ServiceReading } from '../../domain/observation.ts';
import type { Route, Side } from '../../domain/spec.ts';
import type { ListenerReading } from '../../ports/load-balancer.ts';

/** Remedies as commands for a shell. Names come from outside, so whatever a shell could read otherwise is quoted. */

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function shellLine(...words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}

/** Of a listener: `field=value` pairs in the OpenAPI's own names. */
export function setListener(
  loadBalancer: string,
  { port, protocol }: Pick<ListenerReading, 'port' | 'protocol'>,
  fields: Readonly<Record<string, string>>,
): string {
  const settings = Object.entries(fields).flatMap(([name, value]) => [`--${name}`, value]);
  const action = `SetLoadBalancer${protocol.toUpperCase()}ListenerAttribute`;
  return shellLine('aliyun', 'slb', action, '--LoadBalancerId', loadBalancer, '--ListenerPort', `${port}`, ...settings);
}

export function startListener(loadBalancer: string, { port, protocol }: ListenerReading): string {
  const names = ['--LoadBalancerId', loadBalancer, '--ListenerPort', `${port}`, '--ListenerProtocol', protocol];
  return shellLine('aliyun', 'slb', 'StartLoadBalancerListener', ...names);
}

export function renameGroup(group: string, name: string): string {
  const names = ['--VServerGroupId', group, '--VServerGroupName', name];
  return shellLine('aliyun', 'slb', 'SetVServerGroupAttribute', ...names);
}

export function renameLoadBalancer(loadBalancer: string, name: string): string {
  return shellLine(
    'aliyun',
    'slb',
    'SetLoadBalancerName',
    '--LoadBalancerId',
    loadBalancer,
    '--LoadBalancerName',
    name,
  );
}

/** Shows what a cluster is made of; its pods' security group is `security_group_id`. */
export function describeCluster(clusterId: string): string {
  return shellLine('aliyun', 'cs', 'DescribeClusterDetail', '--ClusterId', clusterId);
}

/** @param keys never empty: the API takes that for all tags (reference B1) */
export function untag(loadBalancer: string, keys: readonly [string, ...string[]]): string {
  const tags = keys.flatMap((key, index) => [`--TagKey.${index + 1}`, key]);
  const what = ['--ResourceType', 'instance', '--ResourceId.1', loadBalancer];
  return shellLine('aliyun', 'slb', 'UntagResources', ...what, ...tags);
}

type Named = Pick<ServiceReading, 'namespace' | 'name'>;

/**
 * One annotation that a side's Service is to have, under this very key: on the IstioGateway where there is one, because
 * ASM writes its Service again.
 */
export function annotate(route: Route, side: Side, service: Named, key: string, value: string): string {
  const ref = side === 'source' ? route.source : route.target;
  if (ref.kind === 'service') {
    const words = ['annotate', 'service', service.name, `${key}=${value}`, '--overwrite'];
    return shellLine('kubectl', '-n', service.namespace, ...words);
  }
  return patch('istiogateway', ref, { spec: { serviceAnnotations: { [key]: value } } });
}

/** Takes an annotation away, under this very key. */
export function unannotate(route: Route, side: Side, service: Named, key: string): string {
  const ref = side === 'source' ? route.source : route.target;
  if (ref.kind === 'service') {
    return shellLine('kubectl', '-n', service.namespace, 'annotate', 'service', service.name, `${key}-`);
  }
  return patch('istiogateway', ref, { spec: { serviceAnnotations: { [key]: null } } });
}

/** A merge patch of one object. */
export function patch(kind: string, { namespace, name }: Named, body: object): string {
  return shellLine('kubectl', '-n', namespace, 'patch', kind, name, '--type', 'merge', '-p', JSON.stringify(body));
}

/** Of the object that a side's Service follows. */
export function patchSpec(route: Route, side: Side, service: Named, spec: object): string {
  const ref = side === 'source' ? route.source : route.target;
  return ref.kind === 'service' ? patch('service', service, { spec }) : patch('istiogateway', ref, { spec });
}
