import type { V1Service } from '@kubernetes/client-node';

/** The mark on a backend, and the name of a group that the controller made itself: `k8s/<port>/<svc>/<ns>/<cluster>`. */
export interface OwnerMark {
  readonly port: string;
  readonly service: string;
  readonly namespace: string;
  readonly clusterId: string;
}

/** Null where the text is not such a mark; then the backend or group is the user's (reference A6). */
export function parseMark(text: string): OwnerMark | null {
  const [head, port, service, namespace, clusterId, ...rest] = text.split('/');
  if (head !== 'k8s' || rest.length > 0) return null;
  if (port === undefined || service === undefined || namespace === undefined || clusterId === undefined) return null;
  return { port, service, namespace, clusterId };
}

export function markOf(service: V1Service, port: number | string, clusterId: string): string {
  return `k8s/${port}/${service.metadata?.name ?? ''}/${service.metadata?.namespace ?? ''}/${clusterId}`;
}

/** The port of the mark does not count: a Service owns what carries its name, namespace and cluster. */
export function isMarkOf(text: string, service: V1Service, clusterId: string): boolean {
  const mark = parseMark(text);
  return (
    mark !== null &&
    mark.service === service.metadata?.name &&
    mark.namespace === service.metadata.namespace &&
    mark.clusterId === clusterId
  );
}

/**
 * The group that `vgroup-port` names for a Service port, '' where it names none. Nothing is trimmed: a space after a
 * comma becomes part of the group's id, and a space after a port makes it match nothing (reference A4).
 *
 * @throws Error where a pair has no colon
 */
export function groupForPort(annotation: string, port: number): string {
  for (const pair of annotation.split(',')) {
    const parts = split(pair);
    if (parts[1] === String(port)) return parts[0];
  }
  return '';
}

/** Every group that the annotation names, as untrimmed text. @throws Error where a pair has no colon */
export function groupsNamed(annotation: string): readonly string[] {
  return annotation === '' ? [] : annotation.split(',').map((pair) => split(pair)[0]);
}

function split(pair: string): readonly [string, string] {
  const [group, port] = pair.split(':');
  if (group !== undefined && port !== undefined) return [group, port];
  throw new Error(
    `vgroupid and protocol format must be like 'vsp-xxx:443' with colon separated. got=[[${pair.split(':').join(' ')}]]`,
  );
}
