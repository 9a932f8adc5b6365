import { noSuchResource } from './api-error.ts';
import { isPlural, type Plural, type ResourceType } from './resource-types.ts';

/** What a path of the resource API means. An empty namespace is the cluster scope or all namespaces. */
export interface Target {
  readonly type: ResourceType;
  readonly plural: Plural;
  readonly version: string;
  readonly namespace: string;
  /** Empty for the collection. */
  readonly name: string;
  readonly subresource: '' | 'status';
}

/** A path split at the group version: `/apis/apps/v1/namespaces/a/deployments` has the rest `namespaces/a/deployments`. */
export interface GroupPath {
  readonly group: string;
  readonly version: string;
  readonly rest: readonly string[];
}

/** Null for what is no path of the API. */
export function groupPath(pathname: string): GroupPath | null {
  const [root, ...parts] = pathname
    .split('/')
    .filter((part) => part !== '')
    .map((part) => decoded(part));
  if (root === 'api') return { group: '', version: parts[0] ?? '', rest: parts.slice(1) };
  if (root === 'apis') return { group: parts[0] ?? '', version: parts[1] ?? '', rest: parts.slice(2) };
  return null;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    if (error instanceof URIError) throw noSuchResource();
    throw error;
  }
}

/** @throws ApiError 404 for a resource that is not served here */
export function targetOf(serves: readonly ResourceType[], { group, version, rest }: GroupPath): Target {
  const isScoped = rest[0] === 'namespaces' && rest.length > 2 && rest[2] !== 'status' && rest[2] !== 'finalize';
  const [plural = '', name = '', subresource = '', ...more] = isScoped ? rest.slice(2) : rest;
  const namespace = isScoped ? (rest[1] ?? '') : '';
  const type = serves.find((each) => each.group === group && each.plural === plural && each.versions.includes(version));
  if (!type || !isPlural(plural) || more.length > 0) throw noSuchResource();
  const isStatus = subresource === 'status' && type.hasStatus;
  if (subresource !== '' && !isStatus) throw noSuchResource();
  const fits = type.namespaced ? isScoped || name === '' : !isScoped;
  if (!fits) throw noSuchResource();
  return { type, plural, version, namespace, name, subresource: isStatus ? 'status' : '' };
}
