import { readAnnotation } from './annotations.ts';
import {
  isMadeGroup,
  isMarkOf,
  madeName,
  type ReleasingBalancer,
  type ReleasingGroup,
  type ServiceToRelease,
} from './release.ts';

/** The API server of a cluster is behind a CLB with one of the two tags: it is never touched (reference E8). */
const apiServerPort = 6443;

/** Why a CLB cannot be released for a Service; empty where it can, or is already. */
export function releaseProblems(service: ServiceToRelease, balancer: ReleasingBalancer): readonly string[] {
  const of = `Service ${service.cluster}/${service.namespace}/${service.name}`;
  const id = readAnnotation(service.annotations, 'id') ?? '';
  if (service.type !== 'LoadBalancer') return [`${of} is no LoadBalancer but ${service.type}`];
  if (service.otherClass !== null) {
    return [`${of} is of ${service.otherClass}: only Classic Load Balancers can be shared`];
  }
  if (id !== '' && id !== balancer.id) return [`${of} is on ${id}, not on ${balancer.id}`];
  if (balancer.listeners.some(({ port }) => port === apiServerPort)) {
    return [`${balancer.id} has a listener on ${apiServerPort}: it may be the CLB of an API server, and is left alone`];
  }
  return [...ownershipProblems(of, service, balancer), ...service.ports.flatMap(portProblems(of, service, balancer))];
}

function ownershipProblems(of: string, service: ServiceToRelease, balancer: ReleasingBalancer): readonly string[] {
  const made = madeName(service.uid);
  const tag = balancer.tags['kubernetes.do.not.delete'];
  const isReused = readAnnotation(service.annotations, 'id') === balancer.id;
  if (tag !== undefined && tag !== made) return [`${balancer.id} was made for another Service than ${of}: tag ${tag}`];
  if (tag === undefined && balancer.name !== made && !isReused) {
    return [`nothing says that the cloud controller made ${balancer.id} for ${of}: neither its name nor its tags`];
  }
  if (service.addresses.length > 0 && !service.addresses.includes(balancer.address)) {
    return [`${of} has the address ${service.addresses.join(', ')}, and ${balancer.id} has ${balancer.address}`];
  }
  return [];
}

function portProblems(of: string, service: ServiceToRelease, { id, listeners, groups }: ReleasingBalancer) {
  return (port: number): readonly string[] => {
    const listener = listeners.find((one) => one.port === port);
    if (listener === undefined) return [`${id} has no listener for port ${port} of ${of}`];
    const group = groups.find((one) => one.id === listener.group);
    if (group === undefined) {
      return [`listener ${port} of ${id} leads to no vServer group of it, so there is none to share`];
    }
    const others = service.ports.filter(
      (other) => other < port && listeners.some((one) => one.port === other && one.group === group.id),
    );
    return [
      ...groupProblems(of, service, group),
      ...others.map((other) => `${group.id} is behind ports ${other} and ${port}: the controller would sync one alone`),
    ];
  };
}

function groupProblems(of: string, service: ServiceToRelease, { id, name, backends }: ReleasingGroup) {
  if (isMadeGroup(name) && !isMarkOf(name, service)) return [`group ${id} (${name}) was made for another Service`];
  if (backends.some(({ description }) => isMarkOf(description, service))) return [];
  return [`group ${id} has no backend of ${of}, so whether its weights stay as they are could not be seen`];
}
